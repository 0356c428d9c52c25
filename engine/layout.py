"""Where a graph's phases, choices, arrows and words go on the page.

The picture is layered, top to bottom: nodes stand on even layers, the words of each arrow take a
place of their own on the odd layer between, and an arrow that passes a layer takes a thin place
there. So nothing can overlap: every place of a layer keeps its distance from its neighbours, and
between two layers only lines run. Lengths are pixels; nothing here knows SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum

from engine.diagram import Edge, Graph, Node

LETTER, LINE = 7.0, 17.0  # width of a letter and height of a line at 13 pixels, generous
NODE_HEIGHT, NODE_WIDTH_MIN, PORT = 38.0, 84.0, 34.0
CHOICE_HEIGHT, CHOICE_PORT = 28.0, 14.0  # a diamond is as wide as its ports need
GAP, LAYER_GAP, LOOP = 26.0, 28.0, 46.0
TOP = 46.0  # room for the dot at which actors begin
ROUNDS = 16
RIGID = 60.0  # how much more a long arrow insists on its place than a phase


@dataclass(eq=False, slots=True)
class Place:
    """A spot on a layer: a phase, a choice, an arrow's words, or an arrow that only passes.

    `left` and `right` are its reach from `x`; a phase's own arrow (`loop`) is part of its reach.
    `top` and `bottom` are those of its whole layer: in between lines run upright.
    """

    layer: int
    left: float
    right: float
    height: float
    node: Node | None = None
    edge: Edge | None = None
    loop: Edge | None = None
    x: float = 0.0
    y: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)

    @property
    def half(self) -> float:
        """Half of a phase's box, of a choice's diamond, of a block of words."""
        return self.left


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an arrow through its places, from the upper node to the lower one.

    `up` is true where the arrow points upwards.
    """

    edge: Edge
    places: tuple[Place, ...]
    up: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The finished page: its size, the layers from the top, and the ways of the arrows."""

    width: float
    height: float
    layers: tuple[tuple[Place, ...], ...]
    routes: tuple[Route, ...]

    def places(self) -> Iterable[Place]:
        """Every place, from the top."""
        return (place for layer in self.layers for place in layer)


def words(edge: Edge) -> tuple[str, ...]:
    """The lines written at an arrow."""
    return tuple(line for label in edge.labels for line in label.lines)


def lay_out(graph: Graph) -> Layout:
    """Find a place for everything. The same graph always gives the same page."""
    ranks = _ranks(graph)
    places = {node.name: _node_place(graph, node, ranks) for node in graph.nodes}
    layers: list[list[Place]] = [[] for _ in range(max(ranks.values()) + 1)]
    for place in places.values():
        layers[place.layer].append(place)
    routes = [
        _route(edge, places[edge.source], places[edge.target], layers)
        for edge in graph.edges
        if edge.source != edge.target
    ]
    _order(layers)
    width = _spread(layers, routes)
    return Layout(width, _stack(layers), tuple(map(tuple, layers)), tuple(routes))


# --- layers


def _ranks(graph: Graph) -> dict[str, int]:
    """Longest way from the first phase, going back nowhere; nodes on even layers.

    A phase that leads to a choice and comes from nowhere but that choice stands just above it.
    """
    forward = _forward(graph)
    finished: list[str] = []
    back = _back_edges(forward, finished)
    first = next(node.name for node in graph.nodes if node.initial)
    ranks = dict.fromkeys(forward, 0)
    ranks |= {edge.source: 2 for edge in graph.edges if edge.target == first != edge.source}
    for source in reversed(finished):
        for target in forward[source]:
            if (source, target) not in back:
                ranks[target] = max(ranks[target], ranks[source] + 2)
    for name in forward.keys() - {first}.union(*forward.values()):
        ranks[name] = min(ranks[target] for target in forward[name]) - 2
    return ranks


def _forward(graph: Graph) -> dict[str, list[str]]:
    """Where arrows lead, but for those back to the first phase or from a choice to its sources."""
    nodes = {node.name: node for node in graph.nodes}
    arrows = [(edge.source, edge.target) for edge in graph.edges]
    to_choices = {(source, target) for source, target in arrows if nodes[target].choice}
    forward: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in arrows:
        if source != target and not nodes[target].initial and (target, source) not in to_choices:
            forward[source].append(target)
    return forward


def _back_edges(forward: Mapping[str, list[str]], finished: list[str]) -> set[tuple[str, str]]:
    """Arrows that close a circle when one walks depth first; `finished` gets the order."""
    back: set[tuple[str, str]] = set()
    open_: list[str] = []
    seen: set[str] = set()

    def walk(name: str) -> None:
        seen.add(name)
        open_.append(name)
        for target in forward[name]:
            if target in open_:
                back.add((name, target))
            elif target not in seen:
                walk(target)
        open_.pop()
        finished.append(name)

    for name in forward:
        if name not in seen:
            walk(name)
    return back


def _node_place(graph: Graph, node: Node, ranks: Mapping[str, int]) -> Place:
    loop = next((e for e in graph.edges if e.source == e.target == node.name), None)
    pairs = [(e.source, e.target) for e in graph.edges if e is not loop]
    ends = [pair for pair in pairs if node.name in pair]
    if node.choice:
        above = sum(min(ranks[a], ranks[b]) < ranks[node.name] for a, b in ends)
        half = max(2, above, len(ends) - above) * CHOICE_PORT / 2
        return Place(ranks[node.name], half, half, CHOICE_HEIGHT, node=node)
    half = max(NODE_WIDTH_MIN, len(node.name) * LETTER * 1.2 + 36, min(len(ends), 6) * PORT) / 2
    reach, height = half, NODE_HEIGHT
    if loop is not None:
        reach += LOOP + _wide(loop)
        height = max(height, len(words(loop)) * LINE + 6)
    return Place(ranks[node.name], half, reach, height, node=node, loop=loop)


def _wide(edge: Edge) -> float:
    return max(map(len, words(edge))) * LETTER + 10


def _route(edge: Edge, source: Place, target: Place, layers: list[list[Place]]) -> Route:
    """Give the arrow a place on each layer between; its words, if any, stand on the middle one."""
    up = source.layer > target.layer
    top, bottom = (target, source) if up else (source, target)
    middle = (top.layer + bottom.layer) // 2
    middle -= 1 - middle % 2
    way = [top]
    for layer in range(top.layer + 1, bottom.layer):
        if layer == middle and edge.labels:
            half = _wide(edge) / 2
            place = Place(layer, half, half, len(words(edge)) * LINE + 4, edge=edge)
        else:
            place = Place(layer, 6, 6, 0)
        layers[layer].append(place)
        way.append(place)
    way.append(bottom)
    for upper, lower in pairwise(way):
        upper.below.append(lower)
        lower.above.append(upper)
    return Route(edge, tuple(way), up)


# --- order in a layer


def _order(layers: list[list[Place]]) -> None:
    """Sort each layer by the middle of its neighbours, down and up; keep the fewest crossings."""
    best = [list(layer) for layer in layers]
    fewest = _crossings(layers)
    for turn in range(ROUNDS):
        down = turn % 2 == 0
        for layer in layers if down else reversed(layers):
            _sort(layers, layer, down)
        if (crossings := _crossings(layers)) < fewest:
            fewest, best = crossings, [list(layer) for layer in layers]
    layers[:] = best


def _sort(layers: list[list[Place]], layer: list[Place], down: bool) -> None:
    number = layer[0].layer + (-1 if down else 1)
    if not 0 <= number < len(layers):
        return
    at = {id(place): index for index, place in enumerate(layers[number])}
    middle: dict[int, float] = {}
    for index, place in enumerate(layer):
        near = [at[id(other)] for other in (place.above if down else place.below)]
        middle[id(place)] = sum(near) / len(near) if near else index
    layer.sort(key=lambda place: middle[id(place)])


def _crossings(layers: list[list[Place]]) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        at = {id(place): index for index, place in enumerate(lower)}
        lines = [(i, at[id(b)]) for i, place in enumerate(upper) for b in place.below]
        total += sum(a < c and b > d for a, b in lines for c, d in lines)
    return total


# --- places in a layer


def _spread(layers: list[list[Place]], routes: list[Route]) -> float:
    """Pull every place towards the middle of its neighbours; return the width of the page.

    In later rounds the places along one arrow pull strongly towards one upright line.
    """
    run = {id(place): route.places[1:-1] for route in routes for place in route.places[1:-1]}
    for layer in layers:
        _settle(layer, [0.0] * len(layer), [1.0] * len(layer))
    for turn in range(ROUNDS * 12):
        straight = turn >= ROUNDS
        for layer in layers if turn % 2 == 0 else reversed(layers):
            runs = [run.get(id(place), ()) if straight else () for place in layer]
            wishes = [_wish(*pair, turn) for pair in zip(layer, runs, strict=True)]
            _settle(layer, wishes, [RIGID if len(places) > 1 else 1.0 for places in runs])
    leftmost = min(place.x - place.left for layer in layers for place in layer)
    for layer in layers:
        for place in layer:
            place.x += GAP - leftmost
    return max(place.x + place.right for layer in layers for place in layer) + GAP


def _wish(place: Place, run: tuple[Place, ...], turn: int) -> float:
    if place.node and place.node.choice:
        run = (*place.above, *place.below)  # it keeps in the middle of all its arrows
    near = list(run) if len(run) > 1 else (place.above, place.below)[turn % 2]
    return fsum(other.x for other in near) / len(near) if near else place.x


def _settle(layer: list[Place], wishes: list[float], weights: list[float]) -> None:
    """Put each place as near to its wish as order and distance allow (least squares).

    Places that would overlap are joined to blocks, and a block stands at its mean wish.
    """
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + left.right + GAP + right.left)
    blocks: list[tuple[float, float, int]] = []
    for wish, offset, weight in zip(wishes, offsets, weights, strict=True):
        mean, size = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * weight) / (heavy + weight)
            weight, size = heavy + weight, size + many
        blocks.append((mean, weight, size))
    means = [mean for mean, _, size in blocks for _ in range(size)]
    for place, mean, offset in zip(layer, means, offsets, strict=True):
        place.x = mean + offset


def _stack(layers: list[list[Place]]) -> float:
    """Put the layers below each other; return the height of the page."""
    y = TOP
    for layer in layers:
        height = max(place.height for place in layer)
        for place in layer:
            place.y, place.top, place.bottom = y + height / 2, y, y + height
        y += height + LAYER_GAP
    return y - LAYER_GAP + GAP
