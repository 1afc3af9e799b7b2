"""Another clock for a process: a library that is loaded before the system's."""

import shutil
import subprocess
from pathlib import Path

from support.requirements import missing

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void) {
    const char *text = getenv("CLOCK_AHEAD_SECONDS");
    return text ? atol(text) : 0;
}

int gettimeofday(struct timeval *now, void *zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int failed = real(now, zone);
    now->tv_sec += ahead();
    return failed;
}

time_t time(time_t *kept) {
    time_t (*real)(time_t *) = dlsym(RTLD_NEXT, "time");
    time_t now = real(NULL) + ahead();
    if (kept) *kept = now;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += ahead();
    return failed;
}
"""


def clock_library(folder: Path) -> Path:
    """Return the library, compiled in a folder that every user may read."""
    compiler = shutil.which("cc")
    if compiler is None:
        missing("compiler", "install a C compiler (`cc`)")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SOURCE)
    subprocess.run(
        [str(compiler), "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
    )
    library.chmod(0o755)
    return library


def environment(library: Path, ahead_seconds: int) -> dict[str, str]:
    """Return the variables by which a process's clock is ahead of the machine's, or behind it."""
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_SECONDS": str(ahead_seconds)}
