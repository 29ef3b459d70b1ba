"""Tables 1 and 3: which rows are Q and P in each scenario, written out by hand."""

import numpy as np
import pytest

from sksimilar.pool import Pool
from sksimilar.scenarios import SCENARIOS, Scenario, resolve

# Ten rows of classes 0 (common), 1 (rare) and the out-of-distribution code 2:
#   0: 0, 1: 0, 2: 1      labeled from the start
#   3: 1                  query, known to the user but not trained on
#   4: 0, 5: 1, 6: 2      found, that is asked for and labeled
#   7, 8, 9               unlabeled
CODES = np.array([0, 0, 1, 1, 0, 1, 2, -1, -1, -1])
FOUND = [4, 5, 6]


def mask(*rows):
    return np.isin(np.arange(10), rows)


def make_pool(grows=True, query=(3,), found=FOUND):
    labeled = mask(0, 1, 2, *found)
    codes = np.where(labeled | mask(*query), CODES, -1)
    everything, nothing = mask(*range(10)), mask()
    pool = Pool(codes, labeled, mask(*query), nothing, everything, 2, grows)
    pool.selected = np.where(mask(*found), 0, -1)
    return pool


def rows(mask):
    return None if mask is None else set(np.flatnonzero(mask).tolist())


TABLES = {  # scenario: (Q, P), from the definitions in Sections 3.1 to 3.5
    "standard": (None, None),
    "rare": ({3, 5}, None),
    "redundancy": (None, {0, 1, 2, 4, 5, 6}),
    "ood": ({3, 4, 5}, {6}),
    "rare+ood": ({3, 5}, {6}),
    "rare+redundancy": ({3, 5}, {0, 1, 4, 6}),
    "redundancy+ood": ({3, 4, 5}, {3, 4, 5, 6}),
}


def test_the_tables_are_complete():
    assert set(TABLES) == set(SCENARIOS)


@pytest.mark.parametrize("name", TABLES)
def test_sets_of_the_tables(name):
    query, conditioning = resolve(name).masks(make_pool())
    assert (rows(query), rows(conditioning)) == TABLES[name]


@pytest.mark.parametrize("name", ["rare", "ood", "redundancy+ood"])
def test_a_query_that_does_not_grow_is_what_was_given(name):
    query, _ = resolve(name).masks(make_pool(grows=False))
    assert rows(query) == {3}


def test_in_distribution_rows_without_a_query_are_the_labeled_ones():
    query, conditioning = resolve("ood").masks(make_pool(query=()))
    assert rows(query) == {0, 1, 2, 4, 5}
    assert rows(conditioning) == {6}


def test_in_distribution_rows_without_a_query_or_growth_are_the_first_labels():
    query, _ = resolve("ood").masks(make_pool(grows=False, query=()))
    assert rows(query) == {0, 1, 2}


def test_before_anything_out_of_distribution_is_found_nothing_is_conditioned_on():
    query, conditioning = resolve("ood").masks(make_pool(found=()))
    assert rows(query) == {3}
    assert conditioning is None


def test_rare_rows_labeled_at_the_start_are_neither_wanted_nor_conditioned_on():
    query, conditioning = resolve("rare+redundancy").masks(make_pool())
    assert 2 not in rows(query) | rows(conditioning)


def test_an_empty_query_is_none():
    query, _ = Scenario(query="O").masks(make_pool(found=()))
    assert query is None


def test_a_scenario_may_be_functions_of_the_pool():
    scenario = Scenario(query=lambda pool: pool.codes == 0, conditioning="O+R")
    query, conditioning = scenario.masks(make_pool())
    assert rows(query) == {0, 1, 4}
    assert rows(conditioning) == {3, 5, 6}


def test_masks_of_a_scenario_leave_the_pool_alone():
    pool = make_pool()
    before = pool.labeled.copy(), pool.query.copy(), pool.codes.copy()
    for scenario in SCENARIOS.values():
        for given in scenario.masks(pool):
            if given is not None:
                given ^= True
    np.testing.assert_array_equal(before, (pool.labeled, pool.query, pool.codes))


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="Did you mean 'redundancy'"):
        resolve("redundance")
    with pytest.raises(ValueError, match="`query` must be one of"):
        Scenario(query="R+X")


def test_scenarios_that_name_the_same_sets_are_equal():
    assert Scenario(query="R") == resolve("rare")
    assert Scenario(query="R") != Scenario(conditioning="R")
