"""Every error that facezoo raises on purpose.

    FacezooError
    ├── UnknownNameError (LookupError)   a name that no registry, plugin or pipeline has
    ├── PluginError                      a plugin that breaks its contract or does not import
    ├── RegistryError                    a registry file that does not fit its schema
    ├── WeightsError                     weights that are damaged, incomplete or not what was pinned
    │   └── WeightsUnavailableError      weights that are not here, and how to get them
    ├── IncompatibleError                parts that do not fit each other: spaces, views, crops, slots
    ├── InputError (ValueError)          a picture, video or tensor that cannot be used
    ├── DatasetError                     a data set that is not laid out as published
    └── DeviceError                      a device, dtype or compiler that this machine does not have

A message says what was given, what was expected and the next step. The command line prints it as one
paragraph and exits with 1.
"""

from __future__ import annotations


class FacezooError(Exception):
    """The root of the tree: catches everything below."""


class UnknownNameError(FacezooError, LookupError):
    """A name that nothing answers to. The message holds close matches."""


class PluginError(FacezooError):
    """A plugin that does not import or breaks the contract of ``facezoo.hookspecs``."""


class RegistryError(FacezooError):
    """A registry file that is not valid against the schema of ``facezoo.registry``."""


class WeightsError(FacezooError):
    """Weights that are damaged, incomplete, of another shape or another hash. Nothing was loaded."""


class WeightsUnavailableError(WeightsError):
    """Weights that are not on this machine. The message says from whom and by which command to get them."""


class IncompatibleError(FacezooError):
    """Parts that do not fit: two embedding spaces, a head and an encoder, a crop and a detector."""


class InputError(FacezooError, ValueError):
    """A picture, video, tensor or option that cannot be used. The message names the file."""


class DatasetError(FacezooError):
    """A data set that is not laid out as its publisher lays it out. The message names the file expected."""


class DeviceError(FacezooError):
    """A device, dtype or compiler that was asked for by name and is not there."""
