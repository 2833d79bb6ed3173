"""Stands in for systemd where none can run: keeps the instances of prodha@.service in a root of its own, as the installed
unit says, and obeys the `systemctl` of that root, which is a script that asks here.

What the unit asks for is really so for a service: user, mounts, limits, capabilities, system-call filters, readiness,
watchdog, restarts. A setting that is neither done nor known to be left out is an error.
"""
import ctypes
import errno
import fnmatch
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

NAME = 'prodha@.service'
UNIT = 'lib/systemd/system/' + NAME
DONE = set('''Type ExecStart ExecReload WatchdogSec Restart RestartSec RestartPreventExitStatus TimeoutStopSec KillMode User Group
    UMask StateDirectory StateDirectoryMode RuntimeDirectory RuntimeDirectoryPreserve LimitNOFILE LimitCORE CapabilityBoundingSet NoNewPrivileges ProtectSystem
    ProtectHome ProtectProc PrivateDevices PrivateTmp LockPersonality MemoryDenyWriteExecute RestrictAddressFamilies
    RestrictNamespaces RestrictSUIDSGID SystemCallArchitectures SystemCallFilter SystemCallErrorNumber'''.split())
# Without capabilities a process can do none of what the first lines forbid. The rest is bookkeeping.
LEFT_OUT = set('''ProtectClock ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables
    ProtectControlGroups RestrictRealtime
    Description Documentation After Wants StartLimitIntervalSec OOMPolicy RemoveIPC KeyringMode WantedBy'''.split())
SYSTEMCTL = '''#!/bin/sh
# Asks the stand-in for systemd; one at a time.
exec 9>/run/stand-in/lock
flock 9
echo "$*" > /run/stand-in/request
answer=$(cat /run/stand-in/answer)
code=${answer%%;*}
text=${answer#*;}
[ -z "$text" ] || printf '%s\\n' "$text"
exit "$code"
'''
libc = ctypes.CDLL(None, use_errno=True)


class Unit:
    """The unit file of an instance."""

    def __init__(self, root, instance):
        self.settings = {}
        with open(os.path.join(root, UNIT)) as file:
            for line in file:
                if re.match(r'\w+=', line):
                    key, value = line.strip().replace('%i', instance).split('=', 1)
                    self.settings.setdefault(key, []).append(value)
        unknown = set(self.settings) - DONE - LEFT_OUT
        if unknown:
            raise SystemExit(f'{NAME} has settings that this test does not know: {sorted(unknown)}')

    def __getitem__(self, key):
        return self.settings[key][-1]

    def is_on(self, key):
        return self.settings.get(key, ['no'])[-1] not in ('no', 'false', '')


# MARK: Becoming a service

def mount(*arguments):
    subprocess.run(['mount', *arguments], check=True)


def call(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def system_calls(expression):
    """Names in a SystemCallFilter=, groups resolved by systemd's own lists."""
    names = set()
    for word in expression.split():
        if not word.startswith('@'):
            names.add(word)
            continue
        listing = subprocess.run(['systemd-analyze', 'syscall-filter', word], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            if line.startswith(' ') and not line.strip().startswith('#'):
                names |= system_calls(line.strip())
    return names


def allowed_calls(unit):
    allowed = None
    for value in unit.settings['SystemCallFilter']:
        if value.startswith('~'):
            allowed -= system_calls(value[1:])
        else:
            allowed = (allowed or set()) | system_calls(value)
    return allowed


def make_filters(unit, action):
    """`action`: what a call outside of the filter gets: 'refuse' or 'kill'."""
    import seccomp  # Of Debian's own Python; the rest of this file runs in any.
    allow, none = seccomp.ALLOW, seccomp.ERRNO(errno.EPERM)
    arg, masked = seccomp.Arg, seccomp.MASKED_EQ
    filters = []

    def new():
        filters.append(seccomp.SyscallFilter(defaction=allow))
        return filters[-1]

    if unit.is_on('RestrictAddressFamilies'):
        families = [int(getattr(socket, name)) for name in unit['RestrictAddressFamilies'].split()]
        f, no = new(), seccomp.ERRNO(errno.EAFNOSUPPORT)
        f.add_rule(no, 'socket', arg(0, seccomp.LT, min(families)))
        f.add_rule(no, 'socket', arg(0, seccomp.GT, max(families)))
        for family in set(range(min(families), max(families))) - set(families):
            f.add_rule(no, 'socket', arg(0, seccomp.EQ, family))
    if unit.is_on('MemoryDenyWriteExecute'):
        f = new()
        f.add_rule(none, 'mmap', arg(2, masked, 6, 6))
        f.add_rule(none, 'mprotect', arg(2, masked, 4, 4))
        f.add_rule(none, 'pkey_mprotect', arg(2, masked, 4, 4))
        f.add_rule(none, 'shmat', arg(2, masked, 0o100000, 0o100000))
    if unit.is_on('RestrictNamespaces'):
        f = new()
        for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
            f.add_rule(none, 'clone', arg(0, masked, flag, flag))
        f.add_rule(none, 'unshare')
        f.add_rule(none, 'setns')
        f.add_rule(seccomp.ERRNO(errno.ENOSYS), 'clone3')
    if unit.is_on('RestrictSUIDSGID'):
        f = new()
        for bit in (0o4000, 0o2000):
            for name, at in (('chmod', 1), ('fchmod', 1), ('fchmodat', 2), ('mkdir', 1), ('mkdirat', 2), ('mknod', 1),
                             ('mknodat', 2), ('creat', 1)):
                f.add_rule(none, name, arg(at, masked, bit, bit))
            f.add_rule(none, 'open', arg(1, masked, os.O_CREAT, os.O_CREAT), arg(2, masked, bit, bit))
            f.add_rule(none, 'openat', arg(2, masked, os.O_CREAT, os.O_CREAT), arg(3, masked, bit, bit))
        f.add_rule(seccomp.ERRNO(errno.ENOSYS), 'openat2')
    if unit.is_on('LockPersonality'):
        new().add_rule(none, 'personality', arg(0, seccomp.NE, 0))
    # Last, since what loads filters is not in it.
    f = seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS if action == 'kill' else none)
    for name in allowed_calls(unit):
        try:
            f.add_rule(allow, name)
        except RuntimeError:
            pass  # Not a call of this architecture.
    return filters + [f]


def become(root, instance, action):
    """Turns this process into the service."""
    unit = Unit(root, instance)
    filters = make_filters(unit, action)
    call(libc.unshare(0x00020000), 'unshare')
    mount('--make-rprivate', '/')
    state = os.path.join(root, 'var/lib', unit['StateDirectory'])
    user = next(u for u in map(lambda line: line.split(':'), open(root + '/etc/passwd')) if u[0] == unit['User'])
    group = next(g for g in map(lambda line: line.split(':'), open(root + '/etc/group')) if g[0] == unit['Group'])
    uid, gid = int(user[2]), int(group[2])
    if not os.path.isdir(state):
        os.mkdir(state)
        os.chown(state, uid, gid)
    os.chmod(state, int(unit['StateDirectoryMode'], 8))
    runtime = os.path.join(root, 'run', unit['RuntimeDirectory'])
    assert unit.is_on('RuntimeDirectoryPreserve')
    if not os.path.isdir(runtime):
        os.mkdir(runtime)
        os.chown(runtime, uid, gid)
        os.chmod(runtime, 0o755)
    assert unit['ProtectSystem'] == 'strict'
    mount('--bind', root, root)
    mount('--bind', state, state)
    mount('--bind', runtime, runtime)
    mount('-o', 'remount,bind,ro', root)
    mount('-t', 'proc', '-o', 'hidepid=' + unit['ProtectProc'], 'proc', root + '/proc')
    if unit.is_on('PrivateTmp'):
        for place in ('/tmp', '/var/tmp'):
            mount('-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', root + place)
    if unit.is_on('ProtectHome'):
        for place in ('/home', '/root'):
            mount('-t', 'tmpfs', '-o', 'mode=000,ro', 'tmpfs', root + place)
    if unit.is_on('PrivateDevices'):
        mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', root + '/dev')
        for name, minor in (('null', 3), ('zero', 5), ('full', 7), ('random', 8), ('urandom', 9)):
            os.mknod(f'{root}/dev/{name}', 0o20666, os.makedev(1, minor))
            os.chmod(f'{root}/dev/{name}', 0o666)
    os.chroot(root)
    os.chdir('/')
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(unit['LimitNOFILE']),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit['LimitCORE']),) * 2)
    os.umask(int(unit['UMask'], 8))
    assert unit['CapabilityBoundingSet'] == ''
    with open('/proc/sys/kernel/cap_last_cap') as file:
        for capability in range(int(file.read()) + 1):
            call(libc.prctl(24, capability, 0, 0, 0), 'PR_CAPBSET_DROP')
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    assert unit.is_on('NoNewPrivileges')
    call(libc.prctl(38, 1, 0, 0, 0), 'PR_SET_NO_NEW_PRIVS')
    environment = {
        'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', 'LANG': 'C.UTF-8', 'USER': user[0], 'HOME': user[5],
        'STATE_DIRECTORY': '/var/lib/' + unit['StateDirectory'], 'NOTIFY_SOCKET': '/run/systemd/notify',
        'WATCHDOG_PID': str(os.getpid()), 'WATCHDOG_USEC': str(int(unit['WatchdogSec']) * 1_000_000),
    }
    command = unit['ExecStart'].split()
    for each in filters:
        each.load()
    os.execve(command[0], command, environment)


# MARK: Keeping services

class Service:
    def __init__(self, name):
        self.name = name
        self.instance = re.match(r'prodha@(.*)\.service$', name).group(1)
        self.process = None
        self.exits = []
        # Whether it told that it stops, when it was stopped last.
        self.said_so = False
        self.forget()

    def forget(self):
        self.is_ready = self.is_stopping = False
        self.status = ''
        self.heard = None

    @property
    def is_active(self):
        return self.process is not None and self.process.poll() is None


class Manager:
    """`actions`: what a forbidden system call gets in an instance: 'refuse', as the unit says, or 'kill'."""

    def __init__(self, root, logs, actions):
        self.root, self.logs, self.actions = root, logs, actions
        self.services = {}
        self.requests = []
        self.events = []
        self.lock = threading.RLock()
        self.is_ending = False
        # Who was started last, and who was not ready yet when the next one was stopped.
        self.latest = None
        self.found_unready = []
        for directory in ('run/systemd/system', 'run/stand-in'):
            os.makedirs(os.path.join(root, directory), exist_ok=True)
        for pipe in ('request', 'answer'):
            os.mkfifo(os.path.join(root, 'run/stand-in', pipe))
        stub = os.path.join(root, 'usr/bin/systemctl')
        os.rename(stub, stub + '.real')
        with open(stub, 'w') as file:
            file.write(SYSTEMCTL)
        os.chmod(stub, 0o755)
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(root, 'run/systemd/notify')
        self.notifications.bind(path)
        os.chmod(path, 0o777)
        self.notifications.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        for loop in (self.hear, self.obey, self.watch):
            threading.Thread(target=loop, daemon=True).start()

    def note(self, text):
        self.events.append((time.monotonic(), text))

    def service(self, name):
        return self.services.setdefault(name, Service(name))

    def start(self, name, patience=90):
        """Whether it got ready."""
        with self.lock:
            service = self.service(name)
            if service.is_active:
                return True
            service.forget()
            self.latest = service
            self.note(f'start {name}')
            log = open(os.path.join(self.logs, service.instance + '.log'), 'ab')
            service.process = subprocess.Popen(
                ['/usr/bin/python3', os.path.abspath(__file__), self.root, service.instance,
                 self.actions.get(service.instance, 'refuse')], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            end = time.monotonic() + patience
            while time.monotonic() < end and service.process.poll() is None:
                if service.is_ready:
                    self.note(f'ready {name}')
                    return True
                time.sleep(0.01)
            return False

    def stop(self, name):
        with self.lock:
            service = self.service(name)
            if not service.is_active:
                service.process = None
                return
            self.note(f'stop {name}')
            self.found_unready += [f'{other.name} when {name} was stopped' for other in [self.latest]
                                   if other and other.is_active and not other.status.startswith('ready')]
            service.process.terminate()
            try:
                code = service.process.wait(timeout=int(Unit(self.root, service.instance)['TimeoutStopSec']))
            except subprocess.TimeoutExpired:
                service.process.kill()
                code = service.process.wait()
            service.exits.append(code)
            service.said_so = service.is_stopping
            service.process = None

    def hear(self):
        """sd_notify(3), as NotifyAccess=main has it."""
        while True:
            data, control, _, _ = self.notifications.recvmsg(4096, 256)
            pid = next(struct.unpack('iii', d[:12])[0] for _, kind, d in control if kind == socket.SCM_CREDENTIALS)
            for service in list(self.services.values()):
                if service.process is not None and service.process.pid == pid:
                    for line in data.decode().split('\n'):
                        if line == 'READY=1':
                            service.is_ready, service.heard = True, time.monotonic()
                        elif line == 'WATCHDOG=1':
                            service.heard = time.monotonic()
                        elif line == 'STOPPING=1':
                            service.is_stopping = True
                        elif line.startswith('STATUS='):
                            service.status = line[7:]
                        else:
                            self.note(f'unknown notification {line}')

    def watch(self):
        """The watchdog, and restarts."""
        while not self.is_ending:
            time.sleep(0.05)
            with self.lock:
                for service in self.services.values():
                    if service.process is None:
                        continue
                    unit = Unit(self.root, service.instance)
                    code = service.process.poll()
                    if code is None:
                        if service.is_ready and time.monotonic() - service.heard > int(unit['WatchdogSec']):
                            self.note(f'watchdog {service.name}')
                            service.process.send_signal(signal.SIGABRT)
                            service.process.wait()
                        continue
                    service.exits.append(code)
                    service.process = None
                    self.note(f'ended {service.name} {code}')
                    again = {'always': True, 'on-failure': code != 0}[unit['Restart']]
                    if again and str(code) not in unit['RestartPreventExitStatus'].split():
                        time.sleep(int(unit['RestartSec']))
                        self.start(service.name)

    def obey(self):
        while True:
            with open(os.path.join(self.root, 'run/stand-in/request')) as pipe:
                request = pipe.read().strip()
            if not request:
                continue
            self.requests.append(request)
            code, text = self.carry_out(request.split())
            with open(os.path.join(self.root, 'run/stand-in/answer'), 'w') as pipe:
                pipe.write(f'{code};{text}')

    def carry_out(self, words):
        options = [word for word in words if word.startswith('-')]
        verb, *names = [word for word in words if not word.startswith('-')]
        names = [s for name in names
                 for s in (fnmatch.filter(self.services, name) if '*' in name else [name])]
        if verb == 'daemon-reload':
            return 0, ''
        if verb == 'list-units' and '--state=active' in options:
            return 0, '\n'.join(f'{n} loaded active running prodha' for n in sorted(names)
                                if self.services[n].is_active and self.services[n].is_ready)
        if verb == 'is-enabled':
            return 0, 'enabled'
        if verb == 'is-active':
            return (0 if all(self.service(n).is_active for n in names) else 3), ''
        if verb == 'show' and '--property=StatusText' in options:
            return 0, self.service(names[0]).status
        if verb in ('stop', 'restart', 'start'):
            with self.lock:
                for name in names:
                    if verb != 'start':
                        self.stop(name)
                    if verb != 'stop' and not self.start(name):
                        return 1, f'Job for {name} failed.'
            return 0, ''
        self.note(f'unknown request {words}')
        return 1, 'the stand-in does not know this'

    def end(self):
        self.is_ending = True
        with self.lock:
            for name in list(self.services):
                self.stop(name)


if __name__ == '__main__':
    become(*sys.argv[1:])
