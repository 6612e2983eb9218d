"""Learning without the web: data, features, networks, training, evaluation, runtime."""
