"""Search by words: an inverted index over names and descriptions, ranked by the words' rarity."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request

from demo_app.shop import shop

WORD = re.compile(r"[a-z]+")
COMMON = frozenset({"a", "an", "and", "by", "for", "in", "it", "of", "on", "or", "the", "those", "to", "who"})
MOST_RESULTS = 10

routes = Blueprint("search", __name__)


@dataclass(frozen=True)
class Hit:
    sku: str
    name: str
    score: float


def terms(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if word not in COMMON]


class TermIndex:
    """Made once from (sku, name, description) of every product; read by all threads afterwards."""

    def __init__(self, texts: Iterable[tuple[str, str, str]]) -> None:
        self._names: dict[str, str] = {}
        self._places: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for sku, name, description in texts:
            self._names[sku] = name
            # A word of the name weighs as much as three in the description.
            for term in terms(f"{name} {name} {name} {description}"):
                self._places[term][sku] = self._places[term].get(sku, 0) + 1

    def rarity(self, term: str) -> float:
        found = len(self._places.get(term, ()))
        return math.log(1 + len(self._names) / found) if found else 0.0

    def search(self, query: str) -> list[Hit]:
        """The best hits, scores from 0 to 1: the share of the query's weight that a product covers."""
        wanted = terms(query)
        scores: defaultdict[str, float] = defaultdict(float)
        for term in wanted:
            for sku, count in self._places.get(term, {}).items():
                scores[sku] += self.rarity(term) * min(count, 3) / 3
        weight = sum(self.rarity(term) for term in wanted)
        best = sorted(scores.items(), key=lambda item: (-item[1] / weight, item[0]))[:MOST_RESULTS]
        return [Hit(sku, self._names[sku], round(score / weight, 4)) for sku, score in best]


def coverage(index: TermIndex, query: str) -> float:
    """How much of the query the shop has words for: 1.0 if it knows them all."""
    wanted = terms(query)
    return sum(1 for term in wanted if index.rarity(term)) / len(wanted)


@routes.get("/search")
def search() -> Response:
    query = request.args.get("q", "")
    index = shop().terms
    hits = shop().cache.get_or_make(("search", query), lambda: index.search(query))
    return jsonify(
        query=query,
        coverage=round(coverage(index, query), 2),
        hits=[{"sku": hit.sku, "name": hit.name, "score": hit.score} for hit in hits],
    )
