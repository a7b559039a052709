"""Commands at the same time, and what is left of them."""
import os
import pathlib
import signal
import subprocess
import time

import pytest

from lab.pool import Pool, Task

LAB = pathlib.Path(__file__).resolve().parents[2] / "scripts/lab"


def task(script, seconds=1):
    return Task(["/bin/sh", "-c", script], seconds)


def test_what_they_say_comes_in_the_order_given(tmp_path):
    # The first ends only when the second, which is longer and begins before it, has let it.
    os.mkfifo(tmp_path / "fifo")
    tasks = [task(f"read x <{tmp_path}/fifo; echo first; exit 3", 1),
             task(f"echo go >{tmp_path}/fifo; echo second >&2", 2)]
    assert list(Pool().run(tasks, 2)) == [(tasks[0], "first\n", 3), (tasks[1], "second\n", 0)]


def test_the_longest_begins_first(tmp_path):
    tasks = [task(f"echo {n} >>{tmp_path}/log", n) for n in (1, 3, 2)]
    assert len(list(Pool().run(tasks, 1))) == 3
    assert (tmp_path / "log").read_text().split() == ["3", "2", "1"]


def test_no_more_at_once_than_allowed(tmp_path):
    tasks = [task(f"mkdir {tmp_path}/only && rmdir {tmp_path}/only") for _ in range(8)]
    assert [status for _, _, status in Pool().run(tasks, 1)] == [0] * 8


class Interrupted(Exception):
    """As scripts/lab does with a signal."""


def test_stop_lets_them_end_in_good_order_and_nothing_else_begins(tmp_path):
    pool = Pool()

    def handler(*_):
        raise Interrupted

    before = signal.signal(signal.SIGTERM, handler)
    try:
        tasks = [task(f"trap 'echo over >{tmp_path}/over; exit' TERM; kill -TERM $PPID;"
                      "while :; do sleep 0.05; done", 2),
                 task(f"touch {tmp_path}/begun", 1)]
        with pytest.raises(Interrupted):
            list(pool.run(tasks, 1))
    finally:
        signal.signal(signal.SIGTERM, before)
        pool.stop()
    assert tasks[0].process.returncode == 0
    assert (tmp_path / "over").exists() and not (tmp_path / "begun").exists()


# ---- scripts/lab ----

SLOW = """lab {name} family=4,6
ns a role=host
ns b role=host
ns c role=host
link a:eth0 192.0.2.1/30,2001:db8::1/64 b:eth0 192.0.2.2/30,2001:db8::2/64
""" + "reach a src=192.0.2.1 dst=192.0.2.77 ok\nreach a src=2001:db8::1 dst=2001:db8::77 ok\n" * 40


def left(run_id):
    """Namespaces and folders of runs that are called so."""
    spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in spaces.splitlines()] + os.listdir("/tmp")
    return [n for n in names if n.startswith(run_id + "-")]


def lab(run_id, *words):
    return subprocess.Popen([LAB, "--network-only", *words], text=True, stdout=subprocess.PIPE,
                            start_new_session=True, env={**os.environ, "RUN_ID": run_id})


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
@pytest.mark.parametrize("how, jobs, there", [
    (signal.SIGTERM, 1, 1), (signal.SIGTERM, 1, 4), (signal.SIGTERM, 3, 1), (signal.SIGTERM, 3, 8),
    (signal.SIGINT, 3, 4)])
def test_an_interrupted_run_leaves_nothing(tmp_path, how, jobs, there):
    for name in "AB":
        (tmp_path / f"{name}.lab").write_text(SLOW.format(name=name))
    run_id = f"{os.environ.get('RUN_ID', 'labtest')}-{os.getpid()}"
    p = lab(run_id, "--jobs", str(jobs), tmp_path / "A.lab", tmp_path / "B.lab")
    try:
        while len(left(run_id)) < there and p.poll() is None:
            time.sleep(0.01)
        assert p.poll() is None
    finally:
        p.send_signal(how)
        p.communicate()
    assert p.returncode == 128 + how
    assert not left(run_id)


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_mistake_is_told_before_anything_runs(tmp_path, jobs):
    (tmp_path / "A.lab").write_text("lab A\nns a role=host\nlo a 192.0.2.1/32\n"
                                    "reach a src=192.0.2.1 dst=192.0.2.1 ok\n")
    (tmp_path / "B.lab").write_text("lab B\nns b role=host\nnonsense\n")
    p = lab(os.environ.get("RUN_ID", "labtest"), "--jobs", jobs, tmp_path / "A.lab", tmp_path / "B.lab")
    out, _ = p.communicate()
    assert p.returncode == 1
    assert out.splitlines() == ["FAIL B cannot run", f"    {tmp_path}/B.lab:3: unknown statement 'nonsense'",
                                "ok A reach a src=192.0.2.1 dst=192.0.2.1 ok"]
