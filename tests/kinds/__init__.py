"""The kinds of network that the certificate is tried on, each in every format."""

# First of all: it sets how TensorFlow computes.
from pipeline.source import tensorflow_setup

__all__ = ["tensorflow_setup"]
