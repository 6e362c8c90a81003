/** What the service says of itself at /config.json. */
export interface Config {
  region: string
  userPoolId: string
  clientId: string
  endpoint?: string
  adminGroup: string
}

/** @throws where the service cannot be asked */
export async function loadConfig (): Promise<Config> {
  const response = await fetch('/config.json')
  if (!response.ok) throw new Error(`/config.json answers ${response.status}`)
  return response.json()
}
