"""Damaged files of every format that is read, thousands of them: each must end in an answer (`python -m tests.mutations`)."""
