"""Makes facezoo_toy/weights/toy-colours. Where you would train, this writes the filters down."""

from pathlib import Path

import torch
from facezoo_toy import facezoo_components
from facezoo_toy.model import ToyConfig

from facezoo.plugin import create, save

toy = create(facezoo_components()[0], ToyConfig())
with torch.no_grad():
    toy.patches.weight.zero_()
    for colour in range(3):
        toy.patches.weight[colour, colour] = 1 / 64
    toy.patches.weight[3, :, :4], toy.patches.weight[3, :, 4:] = 1 / 64, -1 / 64
    toy.patches.weight[4, :, :, :4], toy.patches.weight[4, :, :, 4:] = 1 / 64, -1 / 64

directory = Path(__file__).resolve().parent / "facezoo_toy" / "weights" / "toy-colours"
print(save(toy.eval(), directory, card="# toy-colours\n\nMade by make_weights.py.\n"))
