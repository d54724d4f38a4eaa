import { countsRequests } from './_requests.ts'

countsRequests(200)
