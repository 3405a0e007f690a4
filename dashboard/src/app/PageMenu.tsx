import { ActionIcon, Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import type { IconName } from '../kit/icons.ts'

const schemes: readonly Readonly<{ value: MantineColorScheme; name: string; icon: IconName }>[] = [
  { value: 'light', name: 'Light', icon: 'sun' },
  { value: 'dark', name: 'Dark', icon: 'moon' },
  { value: 'auto', name: 'As the system', icon: 'screen' },
]

/** The looks of the page, and the documentation of the API. */
export function PageMenu({ onHelp }: Readonly<{ onHelp: () => void }>) {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <Menu position="bottom-end" width={220} shadow="md">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Menu">
          <Icon name="more" size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Appearance</Menu.Label>
        {schemes.map(({ value, name, icon }) => (
          <Menu.Item
            key={value}
            role="menuitemradio"
            aria-checked={colorScheme === value}
            leftSection={<Icon name={icon} />}
            rightSection={colorScheme === value ? <Icon name="check" /> : undefined}
            onClick={() => setColorScheme(value)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Label>Help</Menu.Label>
        <Menu.Item leftSection={<Icon name="keyboard" />} onClick={onHelp}>
          Keys
        </Menu.Item>
        <Menu.Item component="a" href="/docs" leftSection={<Icon name="book" />}>
          Try the API
        </Menu.Item>
        <Menu.Item component="a" href="/redoc" leftSection={<Icon name="book" />}>
          Read about the API
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
