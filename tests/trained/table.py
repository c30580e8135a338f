"""The whole table."""

from tests.trained import digits, pictures, sequences, sounds, tables
from tests.trained.network import Network

NETWORKS: dict[str, Network] = {
    row.name: row for row in (*pictures.NETWORKS, *digits.NETWORKS, *sequences.NETWORKS, *sounds.NETWORKS, *tables.NETWORKS)
}
