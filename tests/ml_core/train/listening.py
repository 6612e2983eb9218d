"""What a process and those it began listen at, as the kernel tells it."""

from pathlib import Path

LISTEN = "0A"
LOOPBACK = ("00000000000000000000000001000000", "0000000000000000FFFF0000")  # ::1, ::ffff:127.


def strangers_doors(pid):
    """Return what `pid` and its descendants listen at on other addresses than the loopback."""
    inodes = {inode for one in _tree(pid) for inode in _sockets(one)}
    return {
        address
        for table in ("tcp", "tcp6")
        for address, inode in _listening(table)
        if inode in inodes and not _is_loopback(address.split(":")[0])
    }


def _tree(pid):
    pids = [pid]
    for one in pids:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            pids.extend(int(child) for child in task.read_text().split())
    return pids


def _sockets(pid):
    links = (_link(file) for file in Path(f"/proc/{pid}/fd").glob("*"))
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def _link(file):
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile
        return ""


def _listening(table):
    lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return [(field[1], field[9]) for field in fields if field[3] == LISTEN]


def _is_loopback(address):
    if address.startswith(LOOPBACK[1]):
        address = address[24:]
    return address == LOOPBACK[0] or (len(address) == 8 and address.endswith("7F"))
