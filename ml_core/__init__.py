"""Learning without the web: data, networks, training, evaluation, runtime, security."""

import os

# Threads of OpenMP spin while they wait for each other. On a machine that is shared with other
# work they then burn the very time that they wait for: one step of training on two busy cores
# took 3.4 s, and 0.12 s with threads that sleep. It is read when torch or XGBoost is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
