"""The description of a delivery in Croissant, the vocabulary of MLCommons for datasets.

Source: the Croissant format specification 1.0 (https://docs.mlcommons.org/croissant).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from curation.export.offer import SPLITS

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes."""

ENCODINGS = {
    ".jsonl": "application/jsonlines",
    ".json": "application/json",
    ".parquet": "application/x-parquet",
    ".csv": "text/csv",
    ".html": "text/html",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".py": "text/x-python",
}

_TYPES = {bool: "sc:Boolean", int: "sc:Float", float: "sc:Float"}


def croissant(manifest: Mapping[str, Any], samples: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return the description as JSON-LD: each file with its SHA-256, and the fields of each format.

    samples: format → column → a value of it. A format's records are one record set, in which the
    field `split` is read from the names of the files.
    """
    described = manifest["about"]
    files = [{**entry, "ending": _ending(entry["path"])} for entry in manifest["files"]]
    about = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest["name"],
        "description": " ".join(filter(None, (_summary(manifest), described.get("purpose")))),
        **({"license": described["licence"]} if described.get("licence") else {}),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [_file(file) for file in files],
        "recordSet": [_splits(manifest["splits"])],
    }
    for name, columns in samples.items():
        mine = [file for file in files if file["format"] == name and file["split"]]
        about["distribution"].append(
            {
                "@type": "cr:FileSet",
                "@id": f"{name}-files",
                "name": f"{name}-files",
                "encodingFormat": ENCODINGS[mine[0]["ending"]],
                "includes": [file["path"] for file in mine],
            }
        )
        about["recordSet"].append(_records(name, columns, mine[0]["ending"]))
    return orjson.dumps(about, option=orjson.OPT_INDENT_2) + b"\n"


def _summary(manifest: Mapping[str, Any]) -> str:
    return (
        f"{manifest['delivered']:,} examples for supervised fine-tuning, curated from "
        f"{manifest['examples']:,}."
    )


def _ending(path: str) -> str:
    return f".{path.rpartition('.')[2]}"


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file["path"],
        "name": file["path"],
        "contentUrl": file["path"],
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": ENCODINGS[file["ending"]],
        "sha256": file["sha256"],
    }


def _splits(rows: Mapping[str, int]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"}
        ],
        "data": [{"splits/name": name} for name in rows],
    }


def _records(format: str, columns: Mapping[str, Any], ending: str) -> dict[str, Any]:
    files = {"fileSet": {"@id": f"{format}-files"}}
    pattern = rf".*({'|'.join(SPLITS)})(?:-\d+-of-\d+)?\{ending}$"
    split = {
        "@type": "cr:Field",
        "@id": f"{format}/split",
        "name": "split",
        "dataType": "sc:Text",
        "references": {"field": {"@id": "splits/name"}},
        "source": {
            **files,
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": pattern},
        },
    }
    fields = [_field(format, name, value, files, ending) for name, value in columns.items()]
    about = {"@type": "cr:RecordSet", "@id": format, "name": format}
    return {**about, "field": [split, *fields]}


def _field(
    format: str, name: str, value: Any, files: Mapping[str, Any], ending: str
) -> dict[str, Any]:
    about = {"@type": "cr:Field", "@id": f"{format}/{name}", "name": name}
    by_path = ending == ".json"
    source = {**files, "extract": {"jsonPath": f"$[*].{name}"} if by_path else {"column": name}}
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return {**about, "dataType": _TYPES.get(type(value), "sc:Text"), "source": source}
    return {
        **about,
        "source": source,
        "repeated": True,
        "subField": [
            {
                "@type": "cr:Field",
                "@id": f"{format}/{name}/{key}",
                "name": key,
                "dataType": "sc:Text",
                "source": {**source, "transform": {"jsonPath": key}},
            }
            for key, inner in value[0].items()
            if isinstance(inner, str)
        ],
    }
