"""What the plugin has. Strings only: listing it imports no torch."""

from pathlib import Path

from facezoo.plugin import ComponentSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    toy = ComponentSpec(
        arch="toy",
        kinds=("encoder",),
        target="facezoo_toy.model:Toy",
        config="facezoo_toy.model:ToyConfig",
        summary="Colours and coarse edges of a face on a grid",
    )
    return (toy,)


@hookimpl
def facezoo_registries() -> tuple[Path, ...]:
    return (Path(__file__).with_name("registry.yaml"),)
