package packaging

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
)

// policy opens port 80 of a gateway, answers /, and refuses /closed.
const policy = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [front]
  http: [{directResponse: {status: 200, body: {string: open}}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guard, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules: [{to: [{operation: {paths: [/closed]}}]}]
`

const (
	ready   = "http://127.0.0.1:18001/readyz"
	gateway = "http://127.0.0.1:80"
)

// TestAPackageIsInstalledRunUpgradedRemovedAndPurged plays the life of the deb package on a machine with systemd:
// what an operator does, and what has to hold then.
func TestAPackageIsInstalledRunUpgradedRemovedAndPurged(t *testing.T) {
	m := newMachine(t)
	m.install(t, releasedPackage(t))
	m.isInstalled(t)
	m.startsWithoutPolicy(t)
	m.serves(t)
	m.isConfined(t)
	upgrade := packageOf(t, "99.0.0")
	m.isUpgraded(t, upgrade)
	m.isInstalledWhereThePlaneCannotStart(t, upgrade)
	m.isDrained(t)
	m.isRemoved(t)
}

// install installs a package of this machine on the other, and returns what is said.
func (m machine) install(t *testing.T, deb string) string {
	t.Helper()
	content, err := os.ReadFile(deb)
	must(t, err)
	must(t, os.WriteFile(m.path("/tmp/portreeve.deb"), content, 0o600))
	return m.run(t, "dpkg -i --no-triggers --force-unsafe-io --force-depends /tmp/portreeve.deb; rm /tmp/portreeve.deb")
}

// isInstalled holds that nothing runs before it is told to, that only its user reads policy, and that everything
// is where the documentation says it is.
func (m machine) isInstalled(t *testing.T) {
	t.Helper()
	m.says(t, "! systemctl is-active portreeve", "inactive")
	m.says(t, "! systemctl is-enabled portreeve", "disabled")
	m.says(t, "stat -c '%U:%G %a' /etc/portreeve/policy", "root:portreeve 2750")
	m.says(t, "systemd-analyze verify --man=no portreeve.service portreeve-gateway@edge-1.service", "")
	m.says(t, "portreeve test /usr/share/doc/portreeve/examples/path-and-method >/dev/null; man -w portreeve-serve", "/usr/share/man/man1/portreeve-serve.1.gz")
	m.says(t, "bash -c '. /usr/share/bash-completion/completions/portreeve; complete -p portreeve'", "complete -o default -F __start_portreeve portreeve")
}

// startsWithoutPolicy holds that a plane without its flags does not start, and one without policy runs, is not
// ready and says why.
func (m machine) startsWithoutPolicy(t *testing.T) {
	t.Helper()
	m.run(t, "mv /etc/portreeve/portreeve.env /etc; if systemctl start portreeve 2>&1; then exit 1; fi; systemctl stop portreeve; mv /etc/portreeve.env /etc/portreeve/")
	m.run(t, "systemctl enable --now portreeve 2>&1")
	eventually(t, "the plane says that there is no policy", func() bool {
		status, body := m.get(t, ready)
		return status == http.StatusServiceUnavailable && strings.Contains(body, "/etc/portreeve/policy")
	})
	m.says(t, "systemctl is-active portreeve", "active")
}

// serves holds that policy that is written then counts, and that a gateway of this machine enforces it.
func (m machine) serves(t *testing.T) {
	t.Helper()
	must(t, os.WriteFile(m.path("/etc/portreeve/policy/policy.yaml"), []byte(policy), 0o640))
	eventually(t, "the plane is ready", func() bool { status, _ := m.get(t, ready); return status == http.StatusOK })
	m.run(t, "sed -i s/DRAIN_SECONDS=20/DRAIN_SECONDS=5/ /etc/portreeve/gateway.env; systemctl start portreeve-gateway@edge-1")
	m.enforces(t)
	before := m.run(t, "systemctl show -P MainPID portreeve")
	m.run(t, "systemctl reload portreeve")
	m.says(t, "systemctl is-active portreeve; systemctl show -P MainPID portreeve", "active\n"+before)
}

// enforces waits until the gateway answers as policy says.
func (m machine) enforces(t *testing.T) {
	t.Helper()
	eventually(t, "the gateway enforces policy", func() bool {
		open, body := m.get(t, gateway+"/")
		closed, _ := m.get(t, gateway+"/closed")
		return open == http.StatusOK && body == "open" && closed == http.StatusForbidden
	})
}

// isConfined holds that plane and gateway run as users of their own, can gain nothing, and have the one
// capability that each needs.
func (m machine) isConfined(t *testing.T) {
	t.Helper()
	const kept = "sed -n 's/^\\(NoNewPrivs\\|Seccomp\\|CapEff\\|CapBnd\\):[[:space:]]*/\\1 /p' /proc/$pid/status; stat -c %U /proc/$pid/root/proc/$pid"
	m.says(t, "pid=$(systemctl show -P MainPID portreeve); "+kept, "CapEff 0000000010000000\nCapBnd 0000000010000000\nNoNewPrivs 1\nSeccomp 2\nportreeve")
	m.says(t, "pid=$(systemctl show -P MainPID portreeve-gateway@edge-1); "+kept, "CapEff 0000000000000400\nCapBnd 0000000000000400\nNoNewPrivs 1\nSeccomp 2\nportreeve-gateway")
	m.says(t, "stat -c '%U %a' /var/lib/portreeve /var/lib/portreeve-gateway", "portreeve 700\nportreeve-gateway 700")
}

// isUpgraded holds that an upgrade restarts the plane and not the gateway, closes no connection, keeps what the administrator
// changed, and that the last good policy is served where the files are broken meanwhile.
func (m machine) isUpgraded(t *testing.T, deb string) {
	t.Helper()
	m.run(t, "chmod 2770 /etc/portreeve/policy; echo '# mine' >> /etc/portreeve/portreeve.env")
	must(t, os.WriteFile(m.path("/etc/portreeve/policy/policy.yaml"), []byte(policy+"---\nkind: ["), 0o640))
	eventually(t, "the plane refuses what is broken", func() bool { _, body := m.get(t, ready); return strings.Contains(body, "PR0102") })
	client := m.client(t)
	ask(t, client, false)
	plane, envoy := m.run(t, "systemctl show -P MainPID portreeve"), m.run(t, "systemctl show -P MainPID portreeve-gateway@edge-1")

	m.install(t, deb)
	ask(t, client, true)
	m.says(t, "dpkg-query -W -f '${Version}' portreeve", "99.0.0-1")
	m.says(t, "systemctl show -P MainPID portreeve-gateway@edge-1", envoy)
	if now := m.run(t, "systemctl show -P MainPID portreeve"); now == plane || now == "0" {
		t.Errorf("the plane's process is %s and was %s before the upgrade", now, plane)
	}
	m.says(t, "stat -c '%U:%G %a' /etc/portreeve/policy; tail -n 1 /etc/portreeve/portreeve.env", "root:portreeve 2770\n# mine")
	eventually(t, "the plane is back", func() bool { status, _ := m.get(t, ready); return status == http.StatusOK })

	// A gateway that starts now has nothing of its own: what it enforces is the plane's last good policy.
	m.run(t, "systemctl kill -s KILL portreeve-gateway@edge-1")
	eventually(t, "the gateway is started again", func() bool {
		now := m.run(t, "systemctl show -P MainPID portreeve-gateway@edge-1")
		return now != envoy && now != "0"
	})
	m.enforces(t)
}

// isInstalledWhereThePlaneCannotStart holds that a plane that does not come up leaves no package half installed, and that this is said.
func (m machine) isInstalledWhereThePlaneCannotStart(t *testing.T, deb string) {
	t.Helper()
	m.run(t, "mv /etc/portreeve/portreeve.env /etc")
	if said := m.install(t, deb); !strings.Contains(said, "the plane was not restarted") {
		t.Errorf("it is not said that the plane was not restarted: %s", said)
	}
	m.says(t, "dpkg-query -W -f '${db:Status-Status}' portreeve", "installed")
	m.run(t, "mv /etc/portreeve.env /etc/portreeve/; systemctl start portreeve")
	eventually(t, "the plane is back", func() bool { status, _ := m.get(t, ready); return status == http.StatusOK })
}

// ask asks the gateway, by the connection that is open where it has to be.
func ask(t *testing.T, client *http.Client, open bool) {
	t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if c.Reused != open {
			t.Errorf("the connection was open: %v, want %v", c.Reused, open)
		}
	}}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, gateway+"/", nil)
	must(t, err)
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "open" {
		t.Errorf("the gateway answers %q: %v", body, err)
	}
}

// isDrained holds that a gateway that is stopped tells those who are connected before it ends.
func (m machine) isDrained(t *testing.T) {
	t.Helper()
	client := m.client(t)
	ask(t, client, false)
	stopped := make(chan error, 1)
	go func() { stopped <- m.command(t.Context(), "systemctl", "stop", "portreeve-gateway@edge-1").Run() }()
	eventually(t, "the gateway asks to close the connection", func() bool {
		response, err := client.Get(gateway + "/") //nolint:noctx // the client has a bound
		must(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		must(t, err)
		return response.Close
	})
	must(t, <-stopped)
	m.says(t, "systemctl show -P Result portreeve-gateway@edge-1", "success")
}

// isRemoved holds that a removal stops everything and keeps configuration and state, and that a purge keeps only
// what somebody has written.
func (m machine) isRemoved(t *testing.T) {
	t.Helper()
	m.run(t, "dpkg -r portreeve")
	m.says(t, "! systemctl is-active portreeve", "inactive")
	m.says(t, "ls /usr/bin/portreeve /usr/lib/portreeve 2>&1 | grep -c 'No such'; ls /etc/portreeve; ls /var/lib/portreeve | grep generations.json", "2\ngateway.env\npolicy\nportreeve.env\ngenerations.json")
	m.run(t, "dpkg -P portreeve")
	m.says(t, "ls -d /var/lib/portreeve* 2>&1 | grep -c 'No such'; find /etc/portreeve -type f; ls /etc/systemd/system/multi-user.target.wants", "1\n/etc/portreeve/policy/policy.yaml")
}

// says holds what a command of the machine prints.
func (m machine) says(t *testing.T, script, want string) {
	t.Helper()
	if got := m.run(t, script); got != want {
		t.Errorf("%s\nprints\n%s\nwant\n%s", script, got, want)
	}
}

// get asks a server on the machine by a connection of its own; 0 is no answer.
func (m machine) get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := m.client(t)
	defer client.CloseIdleConnections()
	response, err := client.Get(url) //nolint:noctx // the client has a bound
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(content)
}
