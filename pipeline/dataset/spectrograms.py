"""Features of sounds: spectrogram, mel bands, cepstral coefficients. Computed in float64, float32 out.

The defaults are those of `tf.signal`: a periodic Hann window, frames only where the sound fills them, magnitudes, HTK's mel
scale with triangles of height one. `power`, `mel_scale`, `normalize` and `center` say what librosa and torchaudio do.
"""

from typing import Literal

import numpy as np

MelScale = Literal["htk", "slaney"]


def spectrogram(
    sound: np.ndarray, *, frame_length: int, frame_step: int, fft_length: int, window: str, power: float, center: bool
) -> np.ndarray:
    """Short-time Fourier transform without its phase.

    Args:
        sound: [samples].
        frame_length: samples of a frame.
        frame_step: samples from one frame to the next.
        fft_length: of the transform, at least `frame_length`; frames are followed by zeros.
        window: of scipy.signal.get_window, periodic: "hann", "hamming", "boxcar" (none), ….
        power: 1 for magnitudes, 2 for power.
        center: mirror the sound at both ends by half a frame, so that frame t is centred on t * frame_step.

    Returns:
        float64 [1 + (samples - frame_length) // frame_step, fft_length // 2 + 1].

    Raises:
        ValueError: when the sound is shorter than a frame, or the transform than a frame.
    """
    if fft_length < frame_length:
        raise ValueError(f"fft_length {fft_length} is less than frame_length {frame_length}")
    from scipy import fft, signal  # a second, which only spectrograms are worth

    samples = sound.astype(np.float64)
    if center:
        samples = np.pad(samples, frame_length // 2, mode="reflect")
    if len(samples) < frame_length:
        raise ValueError(f"the sound has {len(samples)} samples, a frame {frame_length}")
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame_length)[::frame_step]
    spectrum = fft.rfft(frames * signal.get_window(window, frame_length), fft_length)
    return np.asarray(np.abs(spectrum) ** power)


def to_mel(hertz: np.ndarray, *, scale: str) -> np.ndarray:
    """Frequency in mel.

    "htk": 2595 log10(1 + f / 700) (HTK book, also O'Shaughnessy 1987). "slaney" (Auditory Toolbox 1998): 3 f / 200 below
    1000 Hz and 15 + 27 ln(f / 1000) / ln 6.4 above.
    """
    hertz = np.asarray(hertz, np.float64)
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + hertz / 700))
    return np.where(hertz < 1000, 3 * hertz / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))


def from_mel(mel: np.ndarray, *, scale: str) -> np.ndarray:
    """The inverse of `to_mel`, in hertz."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return np.asarray(700 * (10 ** (mel / 2595) - 1))
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


def mel_weights(
    *, bins: int, bands: int, rate: int, low_hz: float, high_hz: float, scale: str, normalize: bool, triangles_in: str
) -> np.ndarray:
    """How much of each frequency bin goes into each band: triangles between neighbours that are equally far apart in mel.

    Args:
        bins: of the spectrogram, fft_length // 2 + 1.
        bands: wanted.
        rate: samples a second.
        low_hz: lower edge of the first band.
        high_hz: upper edge of the last.
        scale: "htk" or "slaney".
        normalize: divide each triangle by half its width in hertz, so that all have the same area (Slaney); else height one.
        triangles_in: sides straight in "mel" (HTK, tf.signal) or in "hertz" (librosa).

    Returns:
        float64 [bins, bands].
    """
    edges_mel = np.linspace(to_mel(np.array(low_hz), scale=scale), to_mel(np.array(high_hz), scale=scale), bands + 2)
    edges_hz = from_mel(edges_mel, scale=scale)
    centres = np.linspace(0, rate / 2, bins)
    if triangles_in == "mel":
        edges, at = edges_mel, to_mel(centres, scale=scale)[:, None]
    else:
        edges, at = edges_hz, centres[:, None]
    lower, middle, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((at - lower) / (middle - lower), (upper - at) / (upper - middle)))
    if triangles_in == "mel":
        weights[0] = 0  # HTK and tf.signal leave out the constant part
    if normalize:
        weights = weights * (2 / (edges_hz[2:] - edges_hz[:-2]))
    return np.asarray(weights)


def logarithm(values: np.ndarray, *, unit: str, offset: float, floor: float) -> np.ndarray:
    """log(max(values, floor) + offset): "ln", "log10", or "db" (10 log10, for powers)."""
    raised = np.maximum(values, floor) + offset
    if unit == "ln":
        return np.log(raised)
    return np.log10(raised) * (10 if unit == "db" else 1)


def cepstrum(log_mel: np.ndarray, *, coefficients: int, convention: str) -> np.ndarray:
    """The first coefficients of each frame's DCT-II.

    Args:
        log_mel: [frames, bands].
        coefficients: to keep, of as many as there are bands.
        convention: "orthonormal" (librosa, torchaudio), or "tf_signal", as `tf.signal.mfccs_from_log_mel_spectrograms` and HTK
            scale it: the first coefficient is sqrt(2) times larger.

    Returns:
        float64 [frames, coefficients].
    """
    from scipy import fft

    result = fft.dct(log_mel, type=2, norm="ortho", axis=-1)[:, :coefficients]
    if convention == "tf_signal":
        result[:, 0] *= np.sqrt(2)
    return np.asarray(result)
