/**
 * What a shell reads to complete `ocup`: it asks `ocup __complete -- WORD…`, whose last word is the one being typed.
 * Each line of the answer is a word, a tab and what it is; the line `:files` asks for paths as well.
 */
export const COMPLETION_SCRIPTS = {
  bash: `# Completion of ocup for bash: source <(ocup completion bash)
_ocup() {
  local line=\${COMP_LINE:0:COMP_POINT} words reply word current prefix
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  # Bash cuts words at = and :, and puts in what stands behind the last one.
  prefix=\${current%"\${current##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    if [[ $word == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t reply < <(compgen -f -- "\${current#"$prefix"}")
      COMPREPLY+=("\${reply[@]}")
    else
      COMPREPLY+=("\${word#"$prefix"}")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  # A service's colon or equals sign waits for what comes behind it.
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[=:] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _ocup ocup
`,
  zsh: `#compdef ocup
# Completion of ocup for zsh: source <(ocup completion zsh)
_ocup() {
  local line word text files
  local -a described open
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    word=\${line%%$'\\t'*} text=\${line#*$'\\t'}
    if [[ $word == :files ]]; then files=1
    elif [[ $word == *[=:] ]]; then open+=("$word")
    elif [[ -n $word ]]; then described+=("\${word//:/\\\\:}:$text")
    fi
  done
  (( \${#described} )) && _describe -t words word described
  (( \${#open} )) && compadd -S '' -- "\${open[@]}"
  [[ -n $files ]] && _files
  return 0
}
if [[ \${funcstack[1]} == _ocup ]]; then _ocup "$@"; else compdef _ocup ocup; fi
`,
  fish: `# Completion of ocup for fish: ocup completion fish | source
function __ocup_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c ocup -f -a '(__ocup_complete)'
`,
} as const;

export type CompletionShell = keyof typeof COMPLETION_SCRIPTS;
