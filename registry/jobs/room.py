"""Which of the jobs that wait may start now, the oldest first."""

from collections import Counter
from collections.abc import Iterable

from registry.access.live import LiveSettings
from registry.jobs.kinds import KINDS, Kind
from registry.records import Job

FEW_CORES = 4  # with fewer a job that measures or trains runs alone
WAITS_FOR_OTHERS = f"It runs alone on a machine with fewer than {FEW_CORES} cores, once the jobs before it have ended."
WAITS_FOR_THE_CLOCK = "The clock was set forward. Until that is an hour ago, what is old by it may not be."
WAITS_FOR_ONE_ALONE = f"Before it comes a job that runs alone on a machine with fewer than {FEW_CORES} cores."


class Room:
    """The room for further jobs beside those that are busy; `cores` None: they run elsewhere, nobody knows on how many.

    Where the clock does not count, nothing runs that goes by how old things are. A job that waits until it can run
    alone is overtaken by none that came later.
    """

    def __init__(
        self, live: LiveSettings, busy: Iterable[Job], cores: int | None, *, clock_counts: bool = True
    ) -> None:
        self._live, self._clock_counts = live, clock_counts
        self._busy = Counter(job.kind for job in busy)
        self._waiting = Counter[str]()
        self._is_small = cores is not None and cores < FEW_CORES
        self._one_waits = False

    def admits(self, job: Job) -> bool:
        """Whether the next of the waiting jobs may start; then it is busy. Otherwise its stage says why not."""
        job.stage = self._why_not(KINDS[job.kind])
        (self._waiting if job.stage else self._busy)[job.kind] += 1
        return not job.stage

    def _why_not(self, kind: Kind) -> str:
        if kind.ages and not self._clock_counts:
            return WAITS_FOR_THE_CLOCK
        most, busy = kind.at_once(self._live), self._busy[kind.name]
        if busy >= most:
            return _in_the_queue(busy + self._waiting[kind.name], most, f"{kind.name} job")
        if kind.beside:
            return ""
        if apart := self._apart(kind):
            return apart
        most, busy = self._live.jobs_at_once, _in_total(self._busy)
        return _in_the_queue(busy + _in_total(self._waiting), most, "job") if busy >= most else ""

    def _apart(self, kind: Kind) -> str:
        """Why a job may not start beside the others on a small machine."""
        if not self._is_small:
            return ""
        if kind.alone and _in_total(self._busy):
            self._one_waits = True
            return WAITS_FOR_OTHERS
        is_one_busy = any(self._busy[each.name] for each in KINDS.values() if each.alone)
        return WAITS_FOR_ONE_ALONE if self._one_waits or is_one_busy else ""


def _in_total(jobs: Counter[str]) -> int:
    return sum(count for name, count in jobs.items() if name not in KINDS or not KINDS[name].beside)


def _in_the_queue(ahead: int, most: int, what: str) -> str:
    """How many jobs that run or wait are before one, and the limit that it waits for."""
    before = "1 job is ahead of it" if ahead == 1 else f"{ahead:,} jobs are ahead of it"
    return f"{before}; {most} {what} runs at a time." if most == 1 else f"{before}; {most} {what}s run at a time."
