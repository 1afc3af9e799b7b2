"""The cache that drops the least recently used entry first, beside a model of it."""

from hypothesis import given
from hypothesis import strategies as st

from rostra_adapters.lru_cache import LruCache

WEIGHT_MAX = 10
KEYS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), KEYS, st.integers(0, WEIGHT_MAX + 2)),
        st.tuples(st.sampled_from(["find", "peek", "drop"]), KEYS, st.just(0)),
    )
)


@given(STEPS)
def test_it_does_as_a_list_of_pairs_would(steps: list[tuple[str, int, int]]) -> None:
    cache: LruCache[int, int] = LruCache(WEIGHT_MAX, lambda _, value: value)
    model: list[tuple[int, int]] = []
    for step, key, value in steps:
        known = dict(model).get(key)
        others = [pair for pair in model if pair[0] != key]
        match step:
            case "keep":
                cache.put(key, value)
                model = others + [(key, value)] * (value <= WEIGHT_MAX)
                while sum(weight for _, weight in model) > WEIGHT_MAX:
                    del model[0]
            case "find":
                assert cache.find(key) == known
                model = model if known is None else [*others, (key, known)]
            case "peek":
                assert cache.peek(key) == known
            case _:
                cache.drop(key)
                model = others
        assert list(cache) == [each for each, _ in model]
        assert cache.weight == sum(weight for _, weight in model)
        assert (key in cache) == (key in dict(model))


def test_without_weights_entries_are_counted() -> None:
    cache: LruCache[str, str] = LruCache(2)
    for key in ("a", "b", "c"):
        cache.put(key, key)
    assert list(cache) == ["b", "c"]
    cache.clear()
    assert (len(cache), cache.weight) == (0, 0)
    cache.put("d", "d")
    assert list(cache) == ["d"]
