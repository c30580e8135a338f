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
_YAML = Attack(name="values, keys, tags", changes=YAML)

FORMATS: dict[str, Format] = {
    "keras": Format(make=networks.keras, attacks=_KERAS, share=9),
    "keras3_h5": Format(make=networks.keras3_h5, attacks=(_BYTES, _HDF5), share=7),
    "keras2": Format(make=networks.keras2, attacks=_KERAS, share=4),
    "keras2_h5": Format(make=networks.keras2_h5, attacks=(_BYTES, _HDF5), share=7),
    "saved_model": Format(make=networks.saved_model, attacks=(_BYTES, _GRAPH), share=5),
    "keras2_saved_model": Format(make=networks.keras2_saved_model, attacks=(_BYTES, _GRAPH), share=3),
    "tflite": Format(make=networks.tflite, attacks=(_BYTES, Attack(name="fields", changes=FLATBUFFER)), share=8),
    "audit_npz": Format(make=networks.audited_data, attacks=_NPZ, share=4),
    "npz": Format(make=samples.npz, attacks=_NPZ, share=7),
    "npz_compressed": Format(make=samples.npz_compressed, attacks=_NPZ, share=6),
    "npy": Format(make=samples.npy, attacks=(_BYTES, Attack(name="header", changes=NPY)), share=6),
    "png": Format(make=partial(samples.pictures, suffix="png"), attacks=(_BYTES, Attack(name="chunks", changes=PNG)), share=5),
    "jpeg": Format(make=partial(samples.pictures, suffix="jpg"), attacks=(_BYTES, Attack(name="segments", changes=JPEG)), share=5),
    "bmp": Format(make=partial(samples.pictures, suffix="bmp"), attacks=(_BYTES, Attack(name="head", changes=HEAD)), share=3),
    "webp": Format(make=partial(samples.pictures, suffix="webp"), attacks=(_BYTES, Attack(name="head", changes=HEAD)), share=3),
    "wav": Format(
        make=partial(samples.sounds, suffix="wav", subtypes=("PCM_16", "PCM_24", "FLOAT")),
        attacks=(_BYTES, Attack(name="head", changes=HEAD)),
        share=5,
    ),
    "flac": Format(
        make=partial(samples.sounds, suffix="flac", subtypes=("PCM_16",)),
        attacks=(_BYTES, Attack(name="head", changes=HEAD)),
        share=3,
    ),
    "ogg": Format(make=partial(samples.sounds, suffix="ogg", subtypes=("VORBIS",)), attacks=(_BYTES,), share=2),
    "csv": Format(make=partial(samples.table, suffix="csv"), attacks=(_BYTES, Attack(name="cells, rows", changes=CSV)), share=6),
    "parquet": Format(
        make=partial(samples.table, suffix="parquet"), attacks=(_BYTES, Attack(name="columns", changes=PARQUET)), share=6
    ),
    "params.yaml": Format(make=samples.params, attacks=(_BYTES, _YAML), share=6),
    "conf": Format(make=samples.conf, attacks=(_BYTES, _YAML), share=3),
}
