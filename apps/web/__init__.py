"""The shell: the frame of every page, the dashboard, blocks of a report."""
