@echo off
rem Installs Drovers in the Windows Subsystem for Linux: Drovers and OpenCode's servers run there, the page in your browser.
rem Downloads nothing. Untested on Windows.
where wsl.exe >nul 2>nul
if errorlevel 1 (
  echo Drovers runs in the Windows Subsystem for Linux, which is not installed. Run: wsl --install
  exit /b 1
)
wsl.exe --cd "%~dp0." -- sh ./install.sh %*
exit /b %errorlevel%
