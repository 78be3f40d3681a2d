"""The Celery queues, seen from outside the workers: settings, names, and sending hints.

A message says only "there is work". What there is to do stands in the job's record, or in the list
of batches (`generate`); a lost or doubled message loses or doubles nothing.
"""

from celery import Celery

TRAIN, PREPARE, GENERATE = "train", "prepare", "generate"
JOB_QUEUES = (TRAIN, PREPARE)
QUEUES = (*JOB_QUEUES, GENERATE)


def celery_app(redis_url: str, prefix: str) -> Celery:
    """A Celery application with the settings that we measured to be safe (see jobs.md)."""
    app = Celery("ganvas", broker=_broker(redis_url), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_create_missing_queues=False,
        task_queues={name: {"exchange": name, "routing_key": name} for name in QUEUES},
        task_default_queue=TRAIN,
        task_routes={f"ganvas.{name}": {"queue": name} for name in QUEUES},
        worker_prefetch_multiplier=0,  # a limit makes a worker deaf after one lost ack
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=0,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_timeout": 3,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "global_keyprefix": key_prefix(prefix),
        },
    )
    return app


def key_prefix(prefix: str) -> str:
    """Kombu's own keys stand beside ours, under one hash tag."""
    return f"{{{prefix}}}:celery:"


def hint(app: Celery, queue: str) -> None:
    """Tell a worker of this queue to look for work."""
    app.send_task(f"ganvas.{queue}", queue=queue, retry=False, ignore_result=True)


def _broker(redis_url: str) -> str:
    """Kombu writes Redis over a unix socket as redis+socket://."""
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url
