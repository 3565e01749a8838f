/** The word of struct service that publishes a schedule. Pure. Read next: bpf/types.h. */
import { SCHEDULE_WORD } from '../../abi/maps.gen.ts'

export interface SchedulePlace {
  /** First row of the region, a multiple of SCHEDULE_ROW_UNIT. */
  first: number
  /** Rows of the region; 0: nothing to choose from. */
  rows: number
  cursor: number
  /** enum scheduler. */
  scheduler: number
}

/** The word of struct service that publishes a region. */
export function scheduleWord(place: SchedulePlace): bigint {
  return (
    (BigInt(place.scheduler) << BigInt(SCHEDULE_WORD.SCHEDULE_SCHEDULER_SHIFT)) |
    (BigInt(place.first / SCHEDULE_WORD.SCHEDULE_ROW_UNIT) <<
      BigInt(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT)) |
    (BigInt(place.rows) << BigInt(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT)) |
    BigInt(place.cursor)
  )
}

export function readScheduleWord(word: bigint): SchedulePlace {
  // Numbers are ten times as fast, and this is asked several times a change.
  const [low, high] = [Number(BigInt.asUintN(32, word)), Number(word >> 32n)]
  const bits = (shift: number, width: number): number => {
    const above = shift > 0 ? high << (32 - shift) : 0
    const all = shift < 32 ? (low >>> shift) | above : high >>> (shift - 32)
    return all & ((1 << width) - 1)
  }
  const { SCHEDULE_CURSOR_BITS: width, SCHEDULE_ROW_UNIT: unit } = SCHEDULE_WORD
  return {
    scheduler: bits(SCHEDULE_WORD.SCHEDULE_SCHEDULER_SHIFT, 5),
    first: bits(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT, SCHEDULE_WORD.SCHEDULE_PLACE_BITS) * unit,
    rows: bits(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT, width),
    cursor: bits(0, width),
  }
}
