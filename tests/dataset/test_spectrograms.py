"""Features of sounds against tf.signal, an independent implementation, and figures worked out by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset import preprocess, spectrograms
from pipeline.source.tensorflow_setup import tf

SOUND = np.random.default_rng(3).normal(size=4000).astype(np.float32)
FRAMES: dict[str, Any] = {"frame_length": 400, "frame_step": 160, "fft_length": 512}
BANDS: dict[str, Any] = {"bands": 40, "low_hz": 60.0, "high_hz": 7600.0}


def reference_log_mel() -> np.ndarray:
    spectrum = tf.abs(tf.signal.stft(SOUND, **FRAMES))
    weights = tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 60.0, 7600.0)
    return np.asarray(tf.math.log(spectrum @ weights + 1e-6))


def test_spectrogram_is_that_of_tf_signal() -> None:
    expected = np.abs(np.asarray(tf.signal.stft(SOUND, **FRAMES)))
    found = preprocess.spectrogram(SOUND, **FRAMES)
    assert found.dtype == np.float32
    assert found.shape == (1 + (4000 - 400) // 160, 257)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * expected.max())


def test_log_mel_is_that_of_tf_signal() -> None:
    found = preprocess.log_mel(SOUND, rate=16000, **FRAMES, **BANDS)
    # tf.signal computes the weights in float32, at bands a few hertz wide.
    np.testing.assert_allclose(found, reference_log_mel(), atol=2e-4)


def test_mfcc_is_that_of_tf_signal() -> None:
    expected = np.asarray(tf.signal.mfccs_from_log_mel_spectrograms(reference_log_mel()))[:, :13]
    found = preprocess.mfcc(preprocess.log_mel(SOUND, rate=16000, **FRAMES, **BANDS), coefficients=13)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_orthonormal_cepstrum_keeps_energy() -> None:
    bands = np.random.default_rng(1).normal(size=(3, 20))
    found = spectrograms.cepstrum(bands, coefficients=20, convention="orthonormal")
    np.testing.assert_allclose((found**2).sum(axis=1), (bands**2).sum(axis=1))


def test_a_tone_stands_in_its_bin() -> None:
    # 1,000 Hz at 16,000 samples a second: bin 1000 / (16000 / 512) = 32. A periodic Hann window of 512 sums to 256; a
    # cosine has half its amplitude at the positive frequency, so the magnitude is 128.
    tone = np.cos(2 * np.pi * 1000 * np.arange(1024) / 16000)
    found = spectrograms.spectrogram(tone, frame_length=512, frame_step=512, fft_length=512, window="hann", power=1, center=False)
    assert found.argmax(axis=1).tolist() == [32, 32]
    np.testing.assert_allclose(found[:, 32], 128)


def test_center_mirrors_the_ends() -> None:
    sound = np.arange(10.0)
    found = spectrograms.spectrogram(sound, frame_length=4, frame_step=2, fft_length=4, window="boxcar", power=1, center=True)
    # The first frame is 2 1 0 1, the last 8 9 8 7; bin 0 is their sum.
    assert len(found) == 1 + 10 // 2
    assert (found[0, 0], found[-1, 0]) == (4, 32)


def test_known_mel_values() -> None:
    # HTK: 700 Hz is 2595 log10 2. Slaney: 3 mel for 200 Hz, so 1,000 Hz is 15; 27 steps more for 6.4 times the frequency.
    assert spectrograms.to_mel(np.array(700.0), scale="htk") == pytest.approx(781.1728)
    assert spectrograms.to_mel(np.array([200.0, 1000.0, 6400.0]), scale="slaney").tolist() == pytest.approx([3, 15, 42])


@given(st.floats(0, 24000), st.sampled_from(["htk", "slaney"]))
def test_mel_and_back(hertz: float, scale: str) -> None:
    assert float(spectrograms.from_mel(spectrograms.to_mel(np.array(hertz), scale=scale), scale=scale)) == pytest.approx(
        hertz, abs=1e-6
    )


def test_normalized_triangles_have_area_one() -> None:
    weights = spectrograms.mel_weights(
        bins=8001, bands=20, rate=16000, low_hz=0, high_hz=8000, scale="slaney", normalize=True, triangles_in="hertz"
    )
    # Bins are 1 Hz apart, so the sum is the area in hertz.
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-3)


def test_decibels_with_a_floor() -> None:
    found = spectrograms.logarithm(np.array([0.0, 1.0, 100.0]), unit="db", offset=0, floor=1e-10)
    assert found.tolist() == pytest.approx([-100, 0, 20])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fft_length": 256}, "fft_length 256 is less than frame_length 400"),
        ({"frame_length": 5000, "fft_length": 8192}, "the sound has 4000 samples, a frame 5000"),
        ({"high_hz": 9000.0}, r"must lie in 0\.\.8000"),
        ({"offset": 0.0}, "the logarithm of silence is infinite"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preprocess.log_mel(SOUND, **{"rate": 16000, **FRAMES, **BANDS, **options})
