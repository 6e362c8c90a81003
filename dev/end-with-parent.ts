// Preloaded into the service by npm run dev. The service stops when its parent process ends, even by SIGKILL.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
