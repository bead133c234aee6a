package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chaosFiles edits the policy directory, and tells the oracle of each state that is good before it is there.
type chaosFiles struct {
	dir    string
	site   chaosSite
	oracle *chaosOracle
	// now is what is written, but for the file that is broken, where one is.
	now      chaosWorld
	isBroken bool
	broken   chaosFile
	// certificate makes another certificate of the server, and its manifest.
	certificate func() (serial, manifest string)
}

// firstWorld has every file once.
func firstWorld(certificate func() (string, string)) chaosWorld {
	w := chaosWorld{role: "reader", backend: "one"}
	for file := range chaosFileCount {
		w.revisions[file] = 1
	}
	w.serial, w.secret = certificate()
	return w
}

// writeAll writes every file of the first world.
func (f *chaosFiles) writeAll(t testing.TB) {
	t.Helper()
	write(t, filepath.Join(f.dir, "base.yaml"), f.site.base())
	for file := range chaosFileCount {
		write(t, f.path(file), f.site.content(f.now, file))
	}
}

func (f *chaosFiles) path(file chaosFile) string { return filepath.Join(f.dir, file.String()+".yaml") }

// edit writes a file anew, in one of the ways in which files are edited.
func (f *chaosFiles) edit(t testing.TB, file chaosFile, pick uint64, change func(*chaosWorld)) {
	t.Helper()
	f.become(file, f.now.with(file, change))
	content := f.site.content(f.now, file)
	switch pick % 4 {
	case 0:
		write(t, f.path(file), content)
	case 1:
		f.inPieces(t, file, content)
	default:
		replace(t, f.path(file), content)
	}
}

// become tells the oracle of a new revision of a file, which mends it where it is broken.
func (f *chaosFiles) become(file chaosFile, w chaosWorld) {
	if f.isBroken && f.broken == file {
		f.isBroken = false
		f.oracle.releases()
	}
	f.now = w
	f.oracle.expects(file, w)
}

// inPieces writes as who copies slowly does. A file that is not there is made.
func (f *chaosFiles) inPieces(t testing.TB, file chaosFile, content string) {
	t.Helper()
	made, err := os.OpenFile(f.path(file), os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	defer made.Close() // after the pieces, so that there is always a writer
	writePieces(t, f.path(file), content, max(1, len(content)/4))
}

// remove takes the file of a door away, which mends it too.
func (f *chaosFiles) remove(t testing.TB, door chaosFile) {
	t.Helper()
	if f.now.there(door) {
		f.become(door, f.now.without(door))
		must(t, os.Remove(f.path(door)))
	}
}

// breaks writes something into a file that no gateway may be served. Nothing else that is written then counts, once the control plane
// has seen that.
func (f *chaosFiles) breaks(t testing.TB, pick uint64) string {
	t.Helper()
	f.isBroken, f.broken = true, []chaosFile{0, 1, tokensFile, routesFile}[pick%4]
	content := f.site.content(f.now, f.broken)
	ways := []string{"", "kind: [", content[:strings.LastIndex(content, "[")+1], strings.Replace(content, "spec:", "sepc:", 1)}
	way := pick / 4 % uint64(len(ways))
	if pick/16%2 == 0 {
		write(t, f.path(f.broken), ways[way])
	} else {
		replace(t, f.path(f.broken), ways[way])
	}
	return fmt.Sprintf("%s, way %d", f.broken, way)
}

// breaksLocal breaks the policy of one gateway; the others go on.
func (f *chaosFiles) breaksLocal(t testing.TB) {
	t.Helper()
	f.isBroken, f.broken = true, localFile
	replace(t, f.path(localFile), strings.Replace(f.site.content(f.now, localFile), "DENY", "DENNY", 1))
}

// repairs writes what is broken anew.
func (f *chaosFiles) repairs(t testing.TB) {
	t.Helper()
	if f.isBroken {
		f.edit(t, f.broken, 2, func(*chaosWorld) {})
	}
}

// flipDoor opens or closes a door.
func (f *chaosFiles) flipDoor(t testing.TB, pick uint64) string {
	t.Helper()
	door := chaosFile(pick % chaosDoors)
	f.edit(t, door, pick/chaosDoors, func(w *chaosWorld) { w.closed[door] = !w.closed[door] })
	return fmt.Sprintf("%v closed: %t", door, f.now.closed[door])
}

// changeRole lets the other role in.
func (f *chaosFiles) changeRole(t testing.TB, pick uint64) string {
	t.Helper()
	f.edit(t, tokensFile, pick, func(w *chaosWorld) { w.role = map[string]string{"reader": "writer", "writer": "reader"}[w.role] })
	return f.now.role
}

// changeRoutes leads elsewhere, and brings or takes a route.
func (f *chaosFiles) changeRoutes(t testing.TB, pick uint64) string {
	t.Helper()
	f.edit(t, routesFile, pick/4, func(w *chaosWorld) {
		if pick%2 == 0 {
			w.backend = map[string]string{"one": "two", "two": "one"}[w.backend]
		}
		w.extra = w.extra != (pick/2%2 == 0)
	})
	return fmt.Sprintf("%s, extra %t", f.now.backend, f.now.extra)
}

// changeLocal edits the policy of one gateway.
func (f *chaosFiles) changeLocal(t testing.TB, pick uint64) {
	t.Helper()
	f.edit(t, localFile, pick, func(*chaosWorld) {})
}

// rotateSecret replaces the server's certificate.
func (f *chaosFiles) rotateSecret(t testing.TB) string {
	t.Helper()
	serial, manifest := f.certificate()
	f.edit(t, secretFile, 2, func(w *chaosWorld) { w.serial, w.secret = serial, manifest })
	return serial
}

// burst edits many files without a pause.
func (f *chaosFiles) burst(t testing.TB, pick uint64) {
	t.Helper()
	for i := range uint64(12) {
		f.flipDoor(t, pick+i)
		f.changeRole(t, pick+i)
	}
	f.changeRoutes(t, pick)
}
