// Package tap writes the Test Anything Protocol, version 13: what the validation programs import by the path
// github.com/mndrix/tap-go, which Debian does not have. Only what they call is here.
package tap

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// T is one document of the protocol, written to standard output.
type T struct {
	count     *int
	directive string
}

// New begins a document without test points.
func New() *T {
	return &T{count: new(int)}
}

// Header writes the version, and the plan if the number of test points is known already.
func (t *T) Header(points int) {
	fmt.Println("TAP version 13")
	if points > 0 {
		fmt.Printf("1..%d\n", points)
	}
}

// AutoPlan writes the plan behind the test points.
func (t *T) AutoPlan() {
	fmt.Printf("1..%d\n", *t.count)
}

func (t *T) point(result, description, directive string) {
	*t.count++
	// A number sign would begin a directive, a line feed another line.
	description = strings.NewReplacer("#", "\\#", "\n", " ").Replace(description)
	fmt.Println(strings.TrimRight(fmt.Sprintf("%s %d - %s%s", result, *t.count, description, directive), " -"))
}

// Ok writes a test point that passed or failed, and returns which.
func (t *T) Ok(passed bool, description string) bool {
	if passed {
		t.point("ok", description, t.directive)
	} else {
		t.point("not ok", description, t.directive)
	}
	return passed
}

// Pass writes a test point that passed.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail writes a test point that failed.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip writes test points that were not looked at.
func (t *T) Skip(points int, reason string) {
	for ; points > 0; points-- {
		t.point("ok", "", "# SKIP "+reason)
	}
}

// Todo returns a writer of test points in the same document whose failure is expected.
func (t *T) Todo() *T {
	return &T{count: t.count, directive: " # TODO"}
}

// Diagnostic writes a comment.
func (t *T) Diagnostic(message string) {
	fmt.Fprintln(os.Stdout, "# "+strings.ReplaceAll(strings.TrimSpace(message), "\n", "\n# "))
}

// Diagnosticf writes a formatted comment.
func (t *T) Diagnosticf(format string, values ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, values...))
}

// YAML writes what belongs to the last test point, as JSON, which YAML includes.
func (t *T) YAML(value interface{}) error {
	text, err := json.MarshalIndent(value, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
