import os

from darkroom.output import LinePrinter


def test_a_reader_that_stops_reading_does_not_stop_the_writer() -> None:
    """A full pipe drops lines instead of blocking, and says how many once it is read again."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    printer = LinePrinter(writing, colour=False)
    for number in range(2000):
        printer("worker", f"{number} {'x' * 100}")
    os.read(reading, 1 << 20)
    printer("worker", "again")
    after = os.read(reading, 1 << 20).decode()
    os.close(reading)
    os.close(writing)
    assert "lines were dropped" in after
    assert after.endswith("worker   │ again\n")


def test_a_reader_that_went_away_is_no_error() -> None:
    """`make up | head` ends the output, not the stack."""
    reading, writing = os.pipe()
    os.close(reading)
    printer = LinePrinter(writing, colour=False)
    printer("worker", "one")
    printer("worker", "two")
    os.close(writing)


def test_names_are_coloured_on_a_terminal_only() -> None:
    """A log file holds no escape sequences."""
    for colour, expected in ((False, b"a        \xe2\x94\x82 hello\n"), (True, b"\x1b[36m")):
        reading, writing = os.pipe()
        LinePrinter(writing, colour=colour)("a", "hello")
        assert os.read(reading, 100).startswith(expected)
        os.close(reading)
        os.close(writing)
