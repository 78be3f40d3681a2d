"""Names of our keys in Redis."""


class Keys:
    """Names of our keys. One hash tag keeps them together on a cluster node."""

    def __init__(self, prefix: str) -> None:
        self.root = f"{{{prefix}}}:"
        self.job_prefix = f"{self.root}job:"
        self.queue_prefix = f"{self.root}queue:"
        self.jobs = f"{self.root}jobs"
        self.leases = f"{self.root}leases"

    def job(self, job_id: str) -> str:
        return f"{self.job_prefix}{job_id}"

    def events(self, job_id: str) -> str:
        return f"{self.job(job_id)}:events"

    def queue(self, name: str) -> str:
        return f"{self.queue_prefix}{name}"

    def idempotency(self, key: str) -> str:
        return f"{self.root}idempotency:{key}"
