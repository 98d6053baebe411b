"""Named things of one kind - datasets, networks, structures, solvers, objectives - to which plugins add their own."""

import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from lottery.errors import LotteryError

Item = TypeVar("Item")


class Registry(Mapping[str, Item], Generic[Item]):
    """Items by name, in the order in which they came.

    kind: what they are, for messages.    error: what is raised where a name is unknown or taken.
    """

    def __init__(self, kind: str, items: Mapping[str, Item], error: type[Exception] = LotteryError) -> None:
        self.kind, self._items, self._error = kind, dict(items), error

    def __getitem__(self, name: str) -> Item:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def lookup(self, name: str) -> Item:
        """The item `name`; raises the registry's error with all names for an unknown one."""
        if name not in self._items:
            raise self._error(f"{self.kind}: {name!r} is not one of {', '.join(self)}")
        return self._items[name]

    def register(self, name: str, item: Item) -> Item:
        """Add an item.  Raises the registry's error where the name is taken, or cannot stand in configs and file names."""
        if name in self._items:
            raise self._error(f"{self.kind}: {name!r} is there already; give yours another name")
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise self._error(f"{self.kind}: {name!r} cannot be a name; take small letters, digits and _")
        self._items[name] = item
        return item
