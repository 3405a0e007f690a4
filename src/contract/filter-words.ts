/** What a page needs to write filters, without the schemas that check them. */
export { parseDuration } from '../core/duration.ts'
export { listOrders, type ListOrder } from '../core/filter.ts'
