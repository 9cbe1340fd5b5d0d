"""An answer on the standard output ends with its reader, and nothing else does."""

import signal
import socket
import subprocess
import sys

import pytest

from ngcmos.commands.running import answer


def test_answer_ends_without_a_word_with_its_reader():
    code = "from ngcmos.commands.running import answer; [answer('line\\n' * 10000) for _ in range(100)]"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        assert process.stdout.readline() == "line\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == -signal.SIGPIPE


def test_a_server_that_hangs_up_is_an_error_after_an_answer_as_before(capsys):
    before = signal.getsignal(signal.SIGPIPE)
    answer("all is well\n")
    assert capsys.readouterr().out == "all is well\n"
    assert signal.getsignal(signal.SIGPIPE) == before
    here, there = socket.socketpair()
    there.close()
    with here, pytest.raises(BrokenPipeError):
        here.sendall(b"who is there?")
