"""A wall clock that tests set for processes they start: so many seconds ahead of the real one."""

import shutil
import struct
import subprocess
from pathlib import Path

_LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *ahead_s;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TESTS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) ahead_s = found;
}

int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, at);
    int is_wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
    if (!failed && is_wall && ahead_s) at->tv_sec += *ahead_s;
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


class SetClock:
    """For processes started with `environment`, and their children; empty where there is no C compiler.

    The monotonic clock and the times of files stay as they are.
    """

    def __init__(self, folder: Path) -> None:
        """Keep its two files in a folder."""
        self._kept = folder / "ahead"
        self.set(0)
        compiler = shutil.which("cc")
        self.environment: dict[str, str] = {}
        if compiler is not None:
            source, library = folder / "clock.c", folder / "clock.so"
            source.write_text(_LIBRARY)
            line = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
            subprocess.run(line, check=True)  # noqa: S603 - our own text
            self.environment = {"LD_PRELOAD": str(library), "TESTS_CLOCK": str(self._kept)}

    def set(self, ahead_s: int) -> None:
        """Be so many seconds ahead of the real time, or behind it; counts at once, everywhere."""
        with self._kept.open("r+b" if self._kept.exists() else "wb") as file:
            file.write(struct.pack("q", ahead_s))
