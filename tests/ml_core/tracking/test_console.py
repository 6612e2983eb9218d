"""What a person sees of a run."""

import io

from rich.console import Console

from ml_core.tracking.console import ConsoleRun


def show(*, terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, highlight=False)
    with ConsoleRun(seed=2, console=console) as run:
        run.stage("training")
        for step in range(1, 4):
            run.progress(step, 3, "steps")
            run.metric("batch_loss", 1.0, step)
        run.metric("loss", 0.25, 1)
        run.log("[no markup]")
    return out.getvalue()


def test_a_terminal_shows_a_bar():
    text = show(terminal=True)

    assert "training" in text
    assert "3/3" in text
    assert "loss = 0.25 at 1" in text


def test_a_file_gets_plain_lines_and_no_bar():
    assert show(terminal=False) == "Stage: training\nloss = 0.25 at 1\n[no markup]\n"


def test_it_is_never_cancelled():
    assert not ConsoleRun().cancelled()
