"""The client's side of the Hub tests, run as a process of its own: the endpoint is read when the client is imported.

    python client.py '[{"do": "locate", "entry": {…}}, …]'     in order, or all at once with "together" before them

Prints one JSON list: per task what it returned, or the error's type and text.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from facezoo import hub, publish
from facezoo.errors import FacezooError
from facezoo.registry import ModelEntry
from facezoo.sources import HubReference


def perform(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": _perform(task)}
    except FacezooError as error:
        return {"error": type(error).__name__, "text": str(error)}


def _perform(task: dict[str, Any]) -> Any:
    if task["do"] == "locate":
        found = hub.locate(ModelEntry.model_validate(task["entry"]))
        return {"path": str(found.path), "source": found.source, "kind": found.kind, "format": found.format}
    if task["do"] == "reference":
        found = hub.reference(task["name"])
        assert isinstance(found, HubReference)
        return str(hub.fetch_directory(found, found.label))
    if task["do"] == "push":
        done = publish.push(task["directory"], task["repo"])
        return {"commit": done.commit, "snippet": done.snippet}
    if task["do"] == "install":
        return str(hub.install(task["key"], Path(task["directory"]), {"format": "test"}))
    if task["do"] == "verify":
        return hub.verify(task["key"])
    if task["do"] == "remove":
        return hub.remove(task["key"])
    if task["do"] == "list":
        return [[item.key, item.kind, item.source, item.size] for item in hub.listing()]
    raise ValueError(task["do"])


if __name__ == "__main__":
    tasks = json.loads(sys.argv[1])
    if tasks[0] == "together":
        with ThreadPoolExecutor(len(tasks)) as pool:
            answers = list(pool.map(perform, tasks[1:]))
    else:
        answers = [perform(task) for task in tasks]
    loaded = sorted({"huggingface_hub", "torch", "numpy"} & set(sys.modules))
    print(json.dumps({"answers": answers, "loaded": loaded}))
