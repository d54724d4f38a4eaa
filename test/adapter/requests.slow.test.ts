import { countsRequests } from './_requests.ts'

countsRequests(2_000)
