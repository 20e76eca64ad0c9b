// Lints the shell that stands in YAML: the `run` of a GitHub action's steps, the `script` of a GitLab
// job. actionlint does so for workflows alone. Each piece is given to shellcheck as bash; what the
// system puts in place of `${{ … }}` and `$[[ … ]]` is a plain word to it.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	filledIn = regexp.MustCompile(`\$\{\{.*?\}\}|\$\[\[.*?\]\]`)
	// The keys whose values are shell.
	shell = map[string]bool{"run": true, "script": true, "before_script": true, "after_script": true}
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: lint FILE.yml…")
		os.Exit(2)
	}
	failed := false
	for _, file := range os.Args[1:] {
		pieces, err := read(file)
		if err == nil && pieces == 0 {
			err = fmt.Errorf("there is no shell in it: is it the right file?")
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// Lints all the shell of a file; how many pieces there are.
func read(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	pieces := 0
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if err := documents.Decode(&document); err != nil {
			if err.Error() == "EOF" {
				return pieces, nil
			}
			return pieces, err
		}
		if err := walk(&document, &pieces); err != nil {
			return pieces, err
		}
	}
}

func walk(node *yaml.Node, pieces *int) error {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if shell[key.Value] {
				if err := lint(value, pieces); err != nil {
					return err
				}
			}
		}
	}
	for _, inner := range node.Content {
		if err := walk(inner, pieces); err != nil {
			return err
		}
	}
	return nil
}

// Lints one piece of shell, or a list of them, which run one after the other in one shell.
func lint(node *yaml.Node, pieces *int) error {
	lines := []string{node.Value}
	if node.Kind == yaml.SequenceNode {
		lines = nil
		for _, inner := range node.Content {
			lines = append(lines, inner.Value)
		}
	} else if node.Kind != yaml.ScalarNode {
		return nil
	}
	script := filledIn.ReplaceAllString(strings.Join(lines, "\n"), "word")
	*pieces++
	check := exec.Command("shellcheck", "--shell=bash", "-")
	check.Stdin = strings.NewReader(script)
	said, err := check.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the shell at line %d: %w\n%s", node.Line, err, said)
	}
	return nil
}
