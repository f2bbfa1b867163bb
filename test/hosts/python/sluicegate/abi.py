"""The numbers of the ABI: every constant by its name (`abi.VERDICT_SIZE`), as abi.json has them: the one beside this file, else the repository's."""

import json
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PLACES = [_HERE / "abi.json", *(folder / "abi" / "abi.json" for folder in _HERE.parents)]


class Field:
    """Where a field of a record lies, and its type: u8, u16, u32 or u64."""

    __slots__ = ("name", "offset", "type", "count")

    def __init__(self, description):
        self.name = description["name"]
        self.offset = description["offset"]
        self.type = description["type"]
        self.count = description["count"]


def _labels(family):
    return {code["value"]: code["label"] for code in _codes[family] if "label" in code}


_description = json.loads(next(place for place in _PLACES if place.is_file()).read_text("utf-8"))
_codes = {family["name"]: family["codes"] for family in _description["codes"]}

for _family in _codes.values():
    for _code in _family:
        globals()[_code["constant"]] = _code["value"]
for _record in _description["records"]:
    for _field in _record["fields"]:
        globals()[_field["constant"]] = _field["offset"]
    if "sizeConstant" in _record:
        globals()[_record["sizeConstant"]] = _record["size"]

FIELDS = {record["name"]: [Field(one) for one in record["fields"]] for record in _description["records"]}
ACTION_LABELS = _labels("action")
REASON_LABELS = {**_labels("reason"), globals()["REASON_NONE"]: "none"}
_ERROR_NAMES = {code["value"]: code["constant"] for code in _codes["error"]}


def code_text(code):
    """A return value as people read it: `-10 (ERROR_POLICY_VERSION)`."""
    return f"{code} ({_ERROR_NAMES[code]})" if code in _ERROR_NAMES else str(code)
