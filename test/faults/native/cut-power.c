/* Ends a file system as a power cut does: what was not flushed is gone. Usage: cut-power MOUNT_POINT */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* XFS_IOC_GOINGDOWN, which is EXT4_IOC_SHUTDOWN too. */
#define GOING_DOWN _IOR('X', 125, uint32_t)
#define WITHOUT_FLUSHING_THE_JOURNAL 2

int main(int count, char **arguments) {
  uint32_t how = WITHOUT_FLUSHING_THE_JOURNAL;
  int folder = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY) : -1;
  if (folder == -1 || ioctl(folder, GOING_DOWN, &how) == -1) {
    perror("cut-power");
    return 1;
  }
  return 0;
}
