"""The table of formats: one row each."""

from functools import partial

from tests.mutations import networks, samples
from tests.mutations.case import Attack, Format
from tests.mutations.of_bytes import BYTES
from tests.mutations.of_hdf5 import HDF5, WEIGHTS
from tests.mutations.of_json import JSON
from tests.mutations.of_media import HEAD, JPEG, PARQUET, PNG
from tests.mutations.of_messages import FLATBUFFER, PROTOBUF
from tests.mutations.of_npy import NPY
from tests.mutations.of_text import CSV, YAML
from tests.mutations.of_zip import ZIP, inside

_BYTES = Attack(name="bytes", changes=BYTES)
_ZIP = Attack(name="archive", changes=ZIP)
_JSON = Attack(name="JSON", changes=tuple(inside(change, suffix=".json") for change in JSON))
_WEIGHTS = Attack(name="HDF5 inside", changes=tuple(inside(change, suffix=".h5") for change in (*WEIGHTS, *BYTES[:4])))
_HDF5 = Attack(name="attributes, sets, links", changes=HDF5)
_HEADER = Attack(name="header inside", changes=tuple(inside(change, suffix=".npy") for change in NPY))
_KERAS = (_BYTES, _ZIP, _JSON, _JSON, _WEIGHTS)
_NPZ = (_BYTES, _ZIP, _HEADER)
_GRAPH = Attack(name="graph", changes=PROTOBUF, suffix="saved_model.pb")
_FIELDS = Attack(name="fields", changes=FLATBUFFER)
_HEAD = Attack(name="head", changes=HEAD)
_CELLS = Attack(name="cells, rows", changes=CSV)
_COLUMNS = Attack(name="columns", changes=PARQUET)
_YAML = Attack(name="values, keys, tags", changes=YAML)


def _pictures(title: str, suffix: str, inside: Attack, share: int) -> Format:
    return Format(title=title, make=partial(samples.pictures, suffix=suffix), attacks=(_BYTES, inside), share=share)


def _sounds(title: str, suffix: str, subtypes: tuple[str, ...], attacks: tuple[Attack, ...], share: int) -> Format:
    return Format(title=title, make=partial(samples.sounds, suffix=suffix, subtypes=subtypes), attacks=attacks, share=share)


FORMATS: dict[str, Format] = {
    "keras": Format(title=".keras of Keras 3", make=networks.keras, attacks=_KERAS, share=6),
    "keras3_h5": Format(title=".h5 of Keras 3", make=networks.keras3_h5, attacks=(_BYTES, _HDF5), share=5),
    "keras2": Format(title=".keras of Keras 2", make=networks.keras2, attacks=_KERAS, share=3),
    "keras2_h5": Format(title=".h5 of Keras 2", make=networks.keras2_h5, attacks=(_BYTES, _HDF5), share=5),
    "saved_model": Format(title="SavedModel", make=networks.saved_model, attacks=(_BYTES, _GRAPH), share=3),
    "keras2_saved_model": Format(
        title="SavedModel, as Keras 2", make=networks.keras2_saved_model, attacks=(_BYTES, _GRAPH), share=2
    ),
    "tflite": Format(title=".tflite (`audit`)", make=networks.tflite, attacks=(_BYTES, _FIELDS), share=4),
    "audit_npz": Format(title=".npz (`audit --data`)", make=networks.audited_data, attacks=_NPZ, share=2),
    "npz": Format(title=".npz", make=samples.npz, attacks=_NPZ, share=8),
    "npz_compressed": Format(title=".npz, compressed", make=samples.npz_compressed, attacks=_NPZ, share=7),
    "npy": Format(title="folder of .npy", make=samples.npy, attacks=(_BYTES, Attack(name="header", changes=NPY)), share=8),
    "png": _pictures("PNG", "png", Attack(name="chunks", changes=PNG), 6),
    "jpeg": _pictures("JPEG", "jpg", Attack(name="segments", changes=JPEG), 6),
    "bmp": _pictures("BMP", "bmp", _HEAD, 4),
    "webp": _pictures("WebP", "webp", _HEAD, 4),
    "wav": _sounds("WAV", "wav", ("PCM_16", "PCM_24", "FLOAT"), (_BYTES, _HEAD), 6),
    "flac": _sounds("FLAC", "flac", ("PCM_16",), (_BYTES, _HEAD), 4),
    "ogg": _sounds("Ogg Vorbis", "ogg", ("VORBIS",), (_BYTES,), 3),
    "csv": Format(title="CSV", make=partial(samples.table, suffix="csv"), attacks=(_BYTES, _CELLS), share=8),
    "parquet": Format(title="Parquet", make=partial(samples.table, suffix="parquet"), attacks=(_BYTES, _COLUMNS), share=8),
    "params.yaml": Format(title="params.yaml, edited by hand", make=samples.params, attacks=(_BYTES, _YAML), share=8),
    "conf": Format(title="conf/ (`make params`)", make=samples.conf, attacks=(_BYTES, _YAML), share=5),
}
