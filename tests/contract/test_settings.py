"""Every setting of the queue that was measured to be safe, by name and value."""

from typing import Any

import pytest

from core.queue import GENERATE, PREPARE, TRAIN, celery_app

URL = "redis://127.0.0.1:6379/0"
SETTINGS = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "task_ignore_result": True,
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 0,
    "worker_disable_prefetch": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 0,
    "worker_send_task_events": False,
    "task_create_missing_queues": False,
    "worker_enable_remote_control": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
}
TRANSPORT = {
    "visibility_timeout": 3600,
    "socket_timeout": 3,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 5,
    "global_keyprefix": "{contract}:celery:",
}


@pytest.mark.parametrize(("name", "value"), SETTINGS.items(), ids=list(SETTINGS))
def test_setting_is_explicit_and_has_the_measured_value(name: str, value: Any) -> None:
    conf = celery_app(URL, "contract").conf
    assert conf.task_serializer  # the first read of a value builds the configuration
    assert name in (conf.maps or [{}])[0], f"{name} rests on Celery's default, which may change."
    assert conf[name] == value


def test_transport_options() -> None:
    assert celery_app(URL, "contract").conf.broker_transport_options == TRANSPORT


def test_routes_are_explicit() -> None:
    conf = celery_app(URL, "contract").conf
    queues = (TRAIN, PREPARE, GENERATE)
    assert conf.task_routes == {f"ganvas.{name}": {"queue": name} for name in queues}
    assert set(conf.task_queues) == set(queues)
