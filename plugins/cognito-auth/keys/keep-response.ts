import type { Dispatcher } from 'undici'

export interface KeptResponse {
  chunks: Uint8Array[]
  bytes: number
  status: number
  complete: boolean
}

/** An interceptor that keeps the response of one request, and gives up on a longer or a compressed body. */
export function keepResponse (kept: KeptResponse, maxBytes: number): Dispatcher.DispatcherComposeInterceptor {
  return dispatch => (options, handler) => dispatch(options, {
    onRequestStart: (...args) => handler.onRequestStart?.(...args),
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (controller, status, headers, message) => {
      // 256 kB of gzip can be 256 MB of JSON.
      if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new Error('the key set came compressed, unasked')
      kept.status = status
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (controller, chunk) => {
      kept.bytes += chunk.length
      if (kept.bytes > maxBytes) throw new Error('the key set is too long')
      kept.chunks.push(chunk)
      handler.onResponseData?.(controller, chunk)
    },
    onResponseEnd: (...args) => {
      kept.complete = true
      handler.onResponseEnd?.(...args)
    },
    onResponseError: (...args) => handler.onResponseError?.(...args)
  })
}
