/**
 * The first of the offsets from `from` to `to` (exclusive) at which two logs differ, where they differ at `to - 1`. Both have grown from a
 * common beginning, so it is found by halves: in a log of a million records by twenty looks.
 */
export const firstDifference = async (
  range: { readonly from: number; readonly to: number },
  isSame: (offset: number) => Promise<boolean>,
): Promise<number> => {
  let same = range.from - 1
  let different = range.to - 1
  while (different - same > 1) {
    const middle = Math.floor((same + different) / 2)
    if (await isSame(middle)) same = middle
    else different = middle
  }
  return different
}
