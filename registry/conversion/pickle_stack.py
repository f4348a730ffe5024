"""The stack of a pickle as its opcodes move it, with nothing built: texts are known, all else is only there."""

import pickletools
from dataclasses import dataclass, field
from typing import Any

_TEXTS = frozenset(
    ["STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"]
)
_REMEMBERING = frozenset({"MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"})
_REMEMBERED = frozenset({"BINGET", "LONG_BINGET", "GET"})
_SOMETHING = ""  # on the stack: no text, or an empty one
_MARK = None


@dataclass(frozen=True, slots=True)
class _Effect:
    """What an opcode takes off the stack, everything down to a mark or not, and how much it puts there."""

    to_mark: bool
    takes: int
    puts: int


def _effect(opcode: Any) -> _Effect:
    before = opcode.stack_before
    if pickletools.markobject in before:
        return _Effect(to_mark=True, takes=before.index(pickletools.markobject), puts=len(opcode.stack_after))
    return _Effect(to_mark=False, takes=len(before), puts=len(opcode.stack_after))


_EFFECTS = {opcode.name: _effect(opcode) for opcode in pickletools.opcodes}


@dataclass(slots=True)
class PickleStack:
    """One pickle's stack and memo. Every step raises IndexError where the pickle takes what is not there."""

    _items: list[str | None] = field(default_factory=list)
    _memo: dict[int, str | None] = field(default_factory=dict)

    def named(self) -> str:
        """The dotted name that the two uppermost items make; empty where one of them is no plain text."""
        module, attribute = self._items[-2:]
        return f"{module}.{attribute}" if module and attribute else ""

    def step(self, opcode: str, argument: object) -> None:
        """Do to the stack what an opcode does."""
        if opcode in _REMEMBERING:
            self._memo[len(self._memo) if argument is None else int(str(argument))] = self._items[-1]
        elif opcode in _REMEMBERED:
            self._items.append(self._memo[int(str(argument))])
        elif opcode in _TEXTS:
            self._items.append(str(argument))
        elif opcode == "DUP":
            self._items.append(self._items[-1])
        elif opcode == "MARK":
            self._items.append(_MARK)
        elif opcode == "POP":  # a mark, too
            self._items.pop()
        else:
            self._move(_EFFECTS[opcode])

    def _move(self, effect: _Effect) -> None:
        if effect.to_mark:
            while self._items.pop() is not _MARK:
                pass
        for _ in range(effect.takes):
            if self._items.pop() is _MARK:
                raise IndexError("the pickle takes a mark for a value")
        self._items.extend([_SOMETHING] * effect.puts)
