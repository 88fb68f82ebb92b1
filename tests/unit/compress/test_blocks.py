import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfl.compress.blocks import block_means, spread_blocks

tf = pytest.importorskip("tensorflow")


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.integers(0, 2**16),
)
def test_a_block_is_judged_by_the_weights_it_has_and_spread_over_them(shape, block, seed):
    kernel = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    means = block_means(tf.constant(kernel), block).numpy()
    wide = spread_blocks(tf.constant(means), block, shape).numpy()
    for place in np.ndindex(*shape[:2]):
        for row in range(0, shape[2], block[0]):
            for column in range(0, shape[3], block[1]):
                part = (*place, slice(row, row + block[0]), slice(column, column + block[1]))
                np.testing.assert_allclose(wide[part], np.abs(kernel[part]).mean(), rtol=1e-5)


def test_a_matrix_is_a_kernel_of_one_place():
    assert block_means(tf.ones((6, 5)), (4, 2)).shape == (1, 2, 3)
