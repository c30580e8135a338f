"""Write data/digits.npz: the UCI optical digits as shipped with scikit-learn, with the split the shipped network was trained on.

    python data/make_digits.py

The file is reproduced byte for byte.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

SEED = 20240229
TRAINING_SAMPLES = 997


def digits() -> dict[str, np.ndarray]:
    """All 1,797 images.

    Returns:
        `images` uint8 [1797, 8, 8, 1], grey 0 (white) to 16 (black); `labels` int64 [1797], 0 to 9; `split` str [1797],
        "train" for the 997 samples the shipped network was trained on, "held_out" for the others.
    """
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    split = np.full(len(images), "held_out")
    split[np.random.default_rng(SEED).permutation(len(images))[:TRAINING_SAMPLES]] = "train"
    return {"images": images, "labels": bunch.target.astype(np.int64), "split": split}


if __name__ == "__main__":
    # np.savez dates its members 1980 and does not compress: the same bytes on every machine.
    np.savez(Path(__file__).with_name("digits.npz"), allow_pickle=False, **digits())
