"""Trains the network of the encoder and exports it. `python -m dafh_training --help` lists the steps."""
