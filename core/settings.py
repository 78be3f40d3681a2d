"""The settings of one process, read from the environment once, at its entrance.

Everything else receives a `Settings` (or one value of it) as an argument: nothing below an
entrance reads the environment.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import Invalid
from core.home import Home

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE


class Settings(BaseSettings):
    """Names are upper-cased and prefixed with `GANVAS_` in the environment (except REDIS_URL)."""

    model_config = SettingsConfigDict(env_prefix="GANVAS_", frozen=True, populate_by_name=True)

    home: Path = Field(
        default=Path("~/.ganvas"), description="Folder of data sets, jobs and models."
    )
    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        validation_alias=AliasChoices("REDIS_URL", "redis_url"),
        description="Redis or Valkey, 7.0 or newer: redis://, rediss:// or unix://.",
    )
    prefix: str = Field(
        default="ganvas", pattern=r"^[a-z0-9-]{1,32}$", description="Of all Redis keys."
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535)
    share_port: bool = Field(
        default=False, description="Several API processes of one user listen on the port."
    )
    allow_remote_bind: bool = Field(
        default=False,
        description="Listen beyond loopback although there are no keys: you guard the door.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.1", "localhost", "[::1]"),
        description="Comma-separated names that a request's Host header may carry.",
    )
    max_upload_bytes: int = Field(default=4 * GIBIBYTE, ge=1)
    max_body_bytes: int = Field(default=MEBIBYTE, ge=1024, description="Of a JSON request.")
    max_queued_jobs: int = Field(default=1000, ge=1)
    generate_deadline: float = Field(
        default=30.0, gt=0, le=600, description="Seconds for one image."
    )
    generate_memory: int = Field(
        default=2 * GIBIBYTE,
        ge=MEBIBYTE,
        description="Bytes of models that one worker keeps loaded.",
    )
    generate_precision: Literal["auto", "float32"] = Field(
        default="auto",
        description="Of image networks: bfloat16 where a processor has it and a test of the model "
        "finds images alike and reproducible, or always float32.",
    )
    cache_bytes: int = Field(
        default=64 * MEBIBYTE, ge=0, description="Of finished images kept in Redis; 0: none."
    )
    ingest_memory: int = Field(
        default=8 * GIBIBYTE, ge=GIBIBYTE, description="Address space, in bytes."
    )
    ingest_cpu_seconds: int = Field(default=3600, ge=1)
    train_memory: int = Field(
        default=0, ge=0, description="Bytes one training may need; 0: what the machine has free."
    )
    train_checkpoint_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Between two checkpoints."
    )
    train_nice: int = Field(
        default=10, ge=0, le=19, description="How far trainings stand back when cores are scarce."
    )
    train_processes: int = Field(
        default=0, ge=0, le=64, description="Of one training; 0: one for each GPU, else one."
    )
    train_disk_patience: float = Field(
        default=1800.0, ge=0, description="Seconds a training waits for room on a full disk."
    )
    lease_seconds: float = Field(
        default=30.0, ge=2, le=600, description="Without a beat, after which a job is given on."
    )
    stall_seconds: float = Field(
        default=300.0, ge=2, description="Without a sign of its child, after which it is ended."
    )
    keep_versions: int = Field(
        default=0,
        ge=0,
        description="Versions kept of each model besides those with an alias; 0: all.",
    )
    weights: Path | None = Field(
        default=None, description="Folder of feature networks that the owner provides."
    )
    store: str = Field(
        default="",
        max_length=1024,
        description="Where models are pushed to and pulled from: file:///folder, s3://bucket/path.",
    )
    tensorboard: bool = Field(default=False, description="Write event files of each training.")
    mlflow_uri: str = Field(
        default="", max_length=1024, description="Tracking server or folder of MLflow; empty: none."
    )
    keep_jobs_days: float = Field(
        default=30.0, gt=0, description="After its end a job's record and checkpoints are kept."
    )
    crash_at: str = Field(default="", max_length=256, description="For tests: core/crashpoints.py.")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _guarded(self) -> "Settings":
        if not self.allow_remote_bind and not is_loopback(self.host):
            raise Invalid(
                f"GANVAS_HOST={self.host} would open this service, which has no keys yet, to the "
                "network. Use 127.0.0.1, or set GANVAS_ALLOW_REMOTE_BIND=1 when a reverse proxy "
                "or a container network stands in front of it."
            )
        return self

    @property
    def folders(self) -> Home:
        return Home(self.home)


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses of IPv4 and IPv6."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
