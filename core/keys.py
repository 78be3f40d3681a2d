"""Names of our keys in Redis."""


class Keys:
    """Names of our keys. One hash tag keeps them together on one node."""

    def __init__(self, prefix: str) -> None:
        self.root = f"{{{prefix}}}:"
        self.jobs = f"{self.root}jobs"
        self.leases = f"{self.root}leases"
        self.unsaved = f"{self.root}unsaved"  # ended jobs whose end is not on disk yet
        self.epoch = f"{self.root}epoch"  # there as long as the records are complete
        self.counts = f"{self.root}counts"
        self.sums = f"{self.root}sums"  # of what API processes count
        self.apis = f"{self.root}apis"  # names of those processes
        self.all_events = f"{self.root}events"  # of all jobs, but for what is too much

    def job(self, job_id: str) -> str:
        return f"{self.root}job:{job_id}"

    def events(self, job_id: str) -> str:
        return f"{self.job(job_id)}:events"

    def queue(self, name: str) -> str:
        return f"{self.root}queue:{name}"

    def api(self, name: str) -> str:
        return f"{self.apis}:{name}"

    def lock(self, name: str) -> str:
        return f"{self.root}lock:{name}"
