"""Nothing is sent anywhere: no files of other makers, no names looked up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Notes every name that a process asks its resolver for, and answers that there is none.
RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef struct addrinfo Info;
int getaddrinfo(const char *name, const char *port, const Info *hints, Info **found) {
    int (*real)(const char *, const char *, const Info *, Info **);
    real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || !strcmp(name, "localhost") || name[0] == ':' || strspn(name, "0123456789.") > 6)
        return real(name, port, hints, found);
    FILE *out = fopen(getenv("LOOKED_UP"), "a");
    if (out) { fprintf(out, "%s\n", name); fclose(out); }
    return EAI_FAIL;
}
"""
SEGMENT = """
import sys, time
from edgeseg import EdgeSegAI
assert EdgeSegAI(threads=1).segment_image(sys.argv[1], "cat").objects
time.sleep(1)  # what reports in the background gets its chance
"""
STACK = """
import sys
from pathlib import Path
from edgeseg.stack.local import EmbeddedStack
from edgeseg.client import EdgeSegClient
from edgeseg.settings import Settings
settings = Settings(engines="nano", threads=1, api_port=0, ui_port=0, data_dir=Path(sys.argv[2]))
with EmbeddedStack(settings, ui=True) as stack, EdgeSegClient(stack.api_url) as client:
    assert client.segment_image(sys.argv[1], "cat").objects
"""
LOOK_UP = "import socket; socket.getaddrinfo('example.invalid', 80)"


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resolver")
    source, library = folder / "resolver.c", folder / "resolver.so"
    source.write_text(RESOLVER)
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


def run(code: str, home: Path, resolver: Path, *arguments: str) -> tuple[int, str]:
    """Run code with a new home and the resolver; returns the exit code and the names looked up."""
    home.mkdir()
    names = home.with_name("looked-up.txt")
    own = {"HOME": str(home), "LD_PRELOAD": str(resolver), "LOOKED_UP": str(names)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env={**kept, **own})
    return done.returncode, names.read_text() if names.exists() else ""


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
@pytest.mark.parametrize("code", [SEGMENT, STACK], ids=["in process", "stack with UI"])
def test_nothing_is_written_home_and_no_name_is_looked_up(
    code: str, tmp_path: Path, chelsea: Path, resolver: Path
) -> None:
    home = tmp_path / "home"
    status, names = run(code, home, resolver, str(chelsea), str(tmp_path / "data"))
    assert (status, names) == (0, "")
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
def test_the_resolver_of_this_test_sees_what_is_looked_up(tmp_path: Path, resolver: Path) -> None:
    status, names = run(LOOK_UP, tmp_path / "home", resolver)
    assert (status, names) == (1, "example.invalid\n")
