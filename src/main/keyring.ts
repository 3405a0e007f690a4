import { ConfigInvalid, type Config } from '../config.ts'
import { parseEncryptionKeys } from '../core/encryption-keys.ts'
import type { Schedule } from '../core/schedule.ts'
import { openSchedule } from '../store/encryption/encrypted-schedules.ts'
import { Keyring, Unopened } from '../store/encryption/keyring.ts'
import { openImage } from '../store/encryption/task-codec.ts'
import { openDelivery, openWebhook } from '../store/encryption/encrypted-webhooks.ts'
import type { NewDelivery, Webhook } from '../core/webhook.ts'
import type { TaskImage } from '../store/transfer.ts'

/** The keys of the configuration, which has been validated. */
export function keyringOf({ encryptionKeys }: Pick<Config, 'encryptionKeys'>): Keyring {
  const keys = parseEncryptionKeys(encryptionKeys)
  if (typeof keys === 'string') throw new ConfigInvalid(`FERMATA_ENCRYPTION_KEYS is invalid: ${keys}.`)
  return new Keyring(keys)
}

/** The task as plain text. Throws `ConfigInvalid` with the id of the key that is missing. */
export function opened(keys: Keyring, image: TaskImage): TaskImage {
  try {
    return openImage(keys, image)
  } catch (error) {
    if (error instanceof Unopened)
      throw new ConfigInvalid(`Task ${image.task.id} cannot be read: ${error.message}.`)
    throw error
  }
}

/** The same for a webhook. */
export function openedWebhook(keys: Keyring, webhook: Webhook): Webhook {
  try {
    return openWebhook(keys, webhook)
  } catch (error) {
    if (error instanceof Unopened)
      throw new ConfigInvalid(`Webhook ${webhook.id} cannot be read: ${error.message}.`)
    throw error
  }
}

/** The same for a delivery. */
export function openedDelivery<D extends NewDelivery>(keys: Keyring, delivery: D): D {
  try {
    return openDelivery(keys, delivery)
  } catch (error) {
    if (error instanceof Unopened)
      throw new ConfigInvalid(`A delivery about task ${delivery.taskId} cannot be read: ${error.message}.`)
    throw error
  }
}

/** The same for a schedule. */
export function openedSchedule(keys: Keyring, schedule: Schedule): Schedule {
  try {
    return openSchedule(keys, schedule)
  } catch (error) {
    if (error instanceof Unopened)
      throw new ConfigInvalid(`Schedule ${schedule.id} cannot be read: ${error.message}.`)
    throw error
  }
}
